"""Datasets: rows that are decided by their seeds alone, the same bytes everywhere, and what is checked of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.core.settings import ProblemSettings, SimulationSettings
from components.fields.dataset import Dataset
from components.fields.layout import SPLITS
from components.fields.presenting import read_stored
from components.fields.problem import Problem, Shard
from models.fields import check_arrays
from tests.model.problems.conformance.asked import Conformance
from tests.model.problems.machines import EVERY_MACHINE, MACHINES, margin, on_machines

LARGEST = 131_072
"""Images of the largest dataset in params.yaml."""


class DataConformance(Conformance):
    """Of every problem."""

    @pytest.fixture
    def shard(self, problem: Problem, settings: ProblemSettings) -> Shard:
        return problem.draw(settings.simulate, "train", range(40))

    def test_a_row_is_decided_by_its_number_its_split_and_the_seed_alone(
        self, problem: Problem, settings: ProblemSettings, shard: Shard
    ) -> None:
        simulation = settings.simulate
        if not problem.simulated(simulation):
            pytest.skip("its images are read, and not drawn")
        assert isinstance(simulation, SimulationSettings)
        images = content(shard)
        shares: dict[str, Any] = {"validation_fraction": 0.05, "test_fraction": 0.3, "confirmation_fraction": 0.02}
        larger = replace(simulation, count=4 * simulation.count, shard_size=2 * simulation.shard_size, **shares)
        assert content(problem.draw(simulation, "train", range(40))) == images
        assert content(problem.draw(larger, "train", range(7, 19))) == images[7:19]
        for other in (
            problem.draw(simulation, "train", range(40, 80)),
            problem.draw(replace(simulation, seed=simulation.seed + 1), "train", range(40)),
            *(problem.draw(simulation, split, range(40)) for split in SPLITS if split != "train"),
        ):
            assert not set(content(other)) & set(images)

    @pytest.mark.slow
    @pytest.mark.ci
    def test_other_machines_store_the_same_bytes(self, problem: Problem, settings: ProblemSettings) -> None:
        if not problem.simulated(settings.simulate):
            pytest.skip("its images are read, and not drawn")
        rows = 32
        drawn = on_machines(problem, settings.simulate, MACHINES, rows=rows)
        assert len({of.digest for of in drawn}) == 1
        assert margin(drawn, rows=rows, count=LARGEST) < 0.01, "a dataset would differ in a value now and then"

    @pytest.mark.slow
    @pytest.mark.timeout(900)
    def test_every_machine_that_switches_can_imitate_stores_the_same_bytes(
        self, problem: Problem, settings: ProblemSettings
    ) -> None:
        if not problem.simulated(settings.simulate):
            pytest.skip("its images are read, and not drawn")
        assert len({of.digest for of in on_machines(problem, settings.simulate, EVERY_MACHINE, rows=16)}) == 1

    def test_shard_is_whole_and_finite_and_has_what_is_stored(
        self, problem: Problem, settings: ProblemSettings, shard: Shard, small_dataset: Dataset
    ) -> None:
        assert len(shard.columns) == 40
        for name, array in shard.arrays.items():
            assert len(array) == 40, name
            assert np.isfinite(array).all(), name
        stored = read_stored(problem, small_dataset, settings, small_dataset.rows("train")[:4])
        check_arrays(stored, problem.stored(settings.simulate), "the dataset")
        for split in SPLITS:
            assert len(small_dataset.rows(split)) > 0

    def test_checks_name_columns_that_are_there(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """That they hold of a sound dataset, and refuse others, is seen where datasets are validated."""
        checks = problem.checks(small_dataset, settings.simulate)
        measured = {f"{name}_{of}" for name in small_dataset.shards for of in ("min", "max", "mean", "not_finite")}
        columns = {
            "images": {*small_dataset.catalogue, *checks.images, *measured},
            "dataset": set(checks.dataset),
            **{name: set(table) for name, table in checks.tables.items()},
        }
        for expected in checks.expectations:
            assert expected.column in columns[expected.table], expected.column
        for name, column in checks.images.items():
            assert len(column) == len(small_dataset.catalogue), name


def content(shard: Shard) -> list[bytes]:
    """All that is known of each row, as bytes."""
    told = zip(*(shard.columns[name].tolist() for name in shard.columns), strict=True)
    return [
        repr(row).encode() + b"".join(array[number].tobytes() for array in shard.arrays.values())
        for number, row in enumerate(told)
    ]
