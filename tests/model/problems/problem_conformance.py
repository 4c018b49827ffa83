"""What every problem must keep to; each problem's test module subclasses `ProblemConformance`."""

import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from astropy.table import Table
from safetensors.numpy import load

from components.core.errors import AssayError
from components.core.gate_settings import GateSettings
from components.core.params import load_settings
from components.core.settings import ProblemSettings, SimulationSettings
from components.evidence.asking import asking
from components.fields.dataset import Dataset
from components.fields.estimators import build_estimator
from components.fields.evaluation import Evaluation
from components.fields.layout import SPLITS
from components.fields.presenting import Batch, present, presented, read_stored
from components.fields.problem import Problem, Shard
from components.fields.randomness import row_seeds
from components.lifecycle.judging import MEGABYTES
from components.packages.golden import make_golden, sample
from components.training import steps
from components.training.trainer import Trainer
from models.estimators import Estimator, build
from models.fields import check_arrays, check_values, field, in_words
from services.answering import Answers, Asked
from services.records import Records
from services.replies import WRITERS, About
from tests.conftest import HOUSE
from tests.model.problems.machines import EVERY_MACHINE, MACHINES, margin, on_machines
from tests.other_device import pretended
from tests.synchronising import Synchronising

LARGEST = 131_072
"""Images of the largest dataset in params.yaml."""
CPU = torch.device("cpu")
EVALUATED: dict[str, Evaluation] = {}
"""By the problem's name; whose tests all have the same settings and the same dataset."""


class ProblemConformance:
    """Subclass it as `TestXyz`, with fixtures `problem`, `settings` and `small_dataset` of that problem."""

    networks: tuple[str, ...] = ()
    """Networks of the problem's kind, each of which must be able to answer; params.yaml's alone when there are none."""
    waits: int = 0
    """How often a step of a training waits for a GPU, at most; a number that may only sink."""
    noise: bool = True
    """Whether images have noise of their own where nothing else is drawn afresh."""

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

    def test_noise_is_fresh_by_seed_repeatable_and_every_rows_own(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        rows = small_dataset.rows("train")[:8]
        for training in (False, True):
            first, again, other, turned = (
                show(problem, small_dataset, settings, shown, seed, training=training)
                for shown, seed in ((rows, 1), (rows, 1), (rows, 2), (rows[::-1].copy(), 1))
            )
            fresh = any(not torch.equal(array, other.inputs[name]) for name, array in first.inputs.items())
            assert fresh == (self.noise or training)
            for part, same, back in (
                (first.inputs, again.inputs, turned.inputs),
                (first.targets, again.targets, turned.targets),
            ):
                for name, array in part.items():
                    assert torch.equal(array, same[name]), name
                    assert torch.equal(array, back[name].flip(0)), f"{name} depends on the company of its row"
                    assert torch.isfinite(array).all(), name

    def test_fields_of_another_name_shape_or_dtype_are_refused_by_name(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        rows = small_dataset.rows("train")[:2]
        stored = read_stored(problem, small_dataset, settings, rows)
        name = next(iter(stored))
        for wrong, said in (
            ({key: array for key, array in stored.items() if key != name}, f"dataset has no {name}"),
            (stored | {"surplus": stored[name]}, "unknown field surplus"),
            (stored | {name: stored[name][..., None]}, f"{name} of .* dataset has the shape"),
            (stored | {name: stored[name].double()}, f"{name} of .* dataset is float64"),
        ):
            with pytest.raises(AssayError, match=said):
                present(problem, wrong, row_seeds([1], rows), settings, training=False, device=CPU)

    def test_every_network_answers_with_finite_numbers_whatever_it_is_shown(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        inputs = sample(problem, small_dataset, settings, 3)
        image = next(iter(inputs))  # conditions follow it
        for network in self.networks or (settings.train.network,):
            estimator = self.estimator(problem, replace(settings, train=replace(settings.train, network=network)))
            for shown in (inputs[image], torch.zeros_like(inputs[image]), torch.full_like(inputs[image], 1e6)):
                with torch.inference_mode():
                    outputs = estimator({**inputs, image: shown})
                for name, array in outputs.items():
                    assert torch.isfinite(array).all(), (network, name)
                for output in estimator.outputs:
                    low, high = output.limits
                    assert low is None or bool((outputs[output.name] > low).all()), (network, output.name)
                    assert high is None or bool((outputs[output.name] < high).all()), (network, output.name)

    def test_answers_have_the_fields_that_the_estimator_names(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        assert estimator.inputs == problem.inputs(settings.simulate)
        inputs = sample(problem, small_dataset, settings, 3)
        check_arrays(inputs, estimator.inputs, "the sample")
        outputs = asking(estimator)(inputs)
        check_arrays({named.name: outputs[named.name] for named in estimator.outputs}, estimator.outputs, "the answer")
        for named in (*estimator.inputs, *estimator.outputs):
            assert field(json.loads(json.dumps(named.as_json()))) == named
        for output in estimator.outputs:
            assert output.absolute + output.relative > 0, f"{output.name} is compared by nothing"
            assert not output.of or output.of in outputs, output.name

    def test_the_loss_is_one_finite_number_an_image_however_it_is_presented(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """That targets move with their images is for each problem's own test: only it knows how."""
        rows, estimator = small_dataset.rows("train")[:8], self.estimator(problem, settings)
        seen = set()
        for seed in range(4):
            batch = show(problem, small_dataset, settings, rows, seed, training=True)
            loss_b = estimator.loss(batch.inputs, batch.targets)
            assert loss_b.shape == (len(rows),)
            assert torch.isfinite(loss_b).all()
            seen.add(next(iter(batch.inputs.values())).numpy().tobytes())
        assert len(seen) == 4

    def test_a_step_of_a_training_hardly_waits_for_the_device(
        self,
        problem: Problem,
        settings: ProblemSettings,
        small_dataset: Dataset,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(steps, "decides_itself", lambda _device: True)
        trainer, rows = Trainer(problem, small_dataset, settings), small_dataset.rows("train")[:16]
        stored = read_stored(problem, small_dataset, settings, rows)
        trainer.estimator.train()
        for number in range(2):  # tables are made in the first
            with Synchronising() as found:
                batch = present(problem, stored, row_seeds([number], rows), settings, training=True, device=CPU)
                trainer.step(batch, rate=1e-3)
        assert len(found.calls) <= self.waits, found.calls

    def test_training_lowers_the_loss(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        trainer = Trainer(problem, small_dataset, replace(settings, train=replace(settings.train, epochs=4)))
        before = trainer.validation_loss()
        *_, last = iter(trainer)
        assert last.validation_loss < before

    def test_evaluation_is_whole_and_its_region_doubts(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        result = self.untrained_evaluation(problem, settings, small_dataset)
        rows = small_dataset.rows("test")
        assert result.losses
        assert len(result.slices) == len(rows)
        for loss in result.losses:
            assert loss.values.shape == (len(rows),), loss.name
            assert np.isfinite(loss.values).all(), loss.name
        assert result.headline
        assert set(result.headline) <= set(result.metrics)
        assert result.summary
        for name, metric in result.metrics.items():
            assert metric.missing or metric.low <= metric.value <= metric.high, name
        assert result.plots
        shown = [name for section in result.sections for name, _ in section.pictures]
        assert sorted(shown) == sorted(result.plots), "the card shows every picture once"
        for table in (table for section in result.sections for table in section.tables):
            assert all(len(row) == len(table.columns) for row in table.rows), table.title
        assert all(len(row) == len(result.report.columns) for row in result.report.rows)
        region = json.loads(json.dumps(result.tested_range))
        golden = make_golden(estimator, sample(problem, small_dataset, settings, 4), region)
        assert golden.doubts[-1], "the last golden input is to be doubted"

    def test_answers_and_their_doubts_are_written_in_every_type(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset, tmp_path: Path
    ) -> None:
        estimator = self.estimator(problem, settings)
        region = json.loads(json.dumps(self.untrained_evaluation(problem, settings, small_dataset).tested_range))
        golden = make_golden(estimator, sample(problem, small_dataset, settings, 4), region)
        answers = Answers(outputs=golden.outputs, doubts=golden.doubts, not_tested=["content"])
        about = About(model={"problem": problem.name, "version": 1}, outputs=list(estimator.outputs))
        ids = [f"{problem.name}.1.{number}" for number in range(len(golden.doubts))]
        written = {kind: write(answers, ids, about) for kind, write in WRITERS.items()}
        assert json.loads(written["application/json"])["predictions"][-1]["doubts"] == golden.doubts[-1]
        assert set(Table.read(io.BytesIO(written["application/fits"])).colnames) >= set(golden.outputs)
        found = load(written["application/x-safetensors"])
        assert all(np.array_equal(found[name], array) for name, array in golden.outputs.items())
        told: dict[str, Any] = {"model": about.model, "inputs": estimator.inputs, "outputs": estimator.outputs}
        records = Records(tmp_path / "records", most_bytes=2**20, **told)
        records.add(Asked(inputs=golden.inputs), answers, ids)
        records.end()
        table = pd.read_parquet(tmp_path / "records")
        assert (table["id"].tolist(), list(table["doubts"].iloc[-1])) == (ids, golden.doubts[-1])
        for one in (*estimator.inputs, *estimator.outputs):
            arrays = golden.inputs if one in estimator.inputs else golden.outputs
            if one.name in arrays and not one.shape:
                assert table[one.name].tolist() == in_words(one, arrays[one.name].tolist()), one.name
        images = [one for one in estimator.inputs if len(one.shape) > 1 and one.name in golden.inputs]
        assert images, "of something with a border"
        assert not any(table[f"{one.name}_border_deviation"].isna().any() for one in images)
        for row in table.itertuples():
            assert all(np.size(value) <= 64 for value in row), "neither pixels nor maps"

    def test_what_is_estimated_may_be_left_out_and_is_said_in_every_type(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        named = [field.name for field in estimator.inputs if field.estimated]
        inputs = sample(problem, small_dataset, settings, 4)
        region = json.loads(json.dumps(self.untrained_evaluation(problem, settings, small_dataset).tested_range))
        whole, estimated = estimator.completed({name: inputs[name] for name in inputs if name not in named})
        assert [*estimated] == named
        check_arrays(whole, estimator.inputs, "what was completed")
        check_values(estimated, [field for field in estimator.inputs if field.estimated], "what was estimated")
        with torch.inference_mode():
            outputs = estimator.uncompared(estimator(whole), estimated)
        check_arrays(outputs, estimator.outputs, "the answer")
        answers = Answers(
            outputs={name: array.numpy() for name, array in outputs.items()},
            doubts=estimator.doubts(whole, outputs, region),
            not_tested=[],
            estimated={name: array.numpy() for name, array in estimated.items()},
        )
        about = About(model={}, outputs=list(estimator.outputs), inputs=list(estimator.inputs))
        written = {kind: write(answers, list("abcd"), about) for kind, write in WRITERS.items()}
        for one in json.loads(written["application/json"])["predictions"]:
            assert [*one.get("estimated", {})] == named
        table = Table.read(io.BytesIO(written["application/fits"]))
        found = load(written["application/x-safetensors"])
        for name in named:
            assert torch.equal(torch.tensor(found[f"estimated.{name}"]), estimated[name])
            assert np.array_equal(table[f"estimated_{name}"], estimated[name].numpy())
        assert estimator.completed(inputs) == (inputs, {}), "what is stated is left as it is"

    def test_every_rule_of_params_yaml_names_a_metric_that_there_is(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """At every size: a rule that is misspelt would be found by the first promotion that it refuses."""
        estimator, _ = problem.finish(self.estimator(problem, settings), small_dataset, settings)
        result = self.evaluation(problem, settings, small_dataset, estimator)
        measured = {*result.metrics, *result.timings, MEGABYTES}
        shipped = {"here": settings.gates} | self.shipped_gates(problem)
        for size, gates in shipped.items():
            unknown = {rule.metric for rule in (*gates.staging, *gates.production)} - measured
            assert not unknown, f"rules of {size} name {sorted(unknown)}, which nobody measures"
        of_honesty = {rule.metric for gates in shipped.values() for rule in gates.honesty.rules}
        unknown = of_honesty - self.honesty_metrics(problem, settings, estimator) if of_honesty else set()
        assert not unknown, f"rules of honesty name {sorted(unknown)}, which no table has"

    def test_confirmation_has_the_losses_of_the_evaluation_on_images_of_its_own(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        judged, seen = self.untrained_evaluation(problem, settings, small_dataset), list[int]()
        found = problem.confirm(asking(estimator), small_dataset, settings, device=CPU, progress=seen.append)
        count = len(small_dataset.rows("confirmation"))
        assert sum(seen) == len(found.slices) == count
        assert [(loss.name, loss.scale, loss.floor) for loss in found.losses] == [
            (loss.name, loss.scale, loss.floor) for loss in judged.losses
        ]
        for loss, on_test in zip(found.losses, judged.losses, strict=True):
            assert loss.values.shape == (count,)
            assert np.isfinite(loss.values).all()
            assert not np.array_equal(loss.values, on_test.values), f"{loss.name} is of the test split"

    def test_a_trained_model_loses_less_than_an_untrained_one(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        trainer = Trainer(problem, small_dataset, replace(settings, train=replace(settings.train, epochs=6)))
        list(trainer)
        trained = self.evaluation(problem, settings, small_dataset, trainer.averaged.eval())
        untrained = self.untrained_evaluation(problem, settings, small_dataset)
        assert sum(float(loss.values.mean()) for loss in trained.losses) < sum(
            float(loss.values.mean()) for loss in untrained.losses
        )

    def test_no_step_of_an_answer_mixes_devices(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """Where there is a GPU, everything is computed there: nothing that lies elsewhere takes part."""
        rows, found = small_dataset.rows("train")[:4], []
        stored = read_stored(problem, small_dataset, settings, rows)
        with pretended() as there:
            for device in (CPU, there):
                estimator = self.estimator(problem, settings).to(device)
                batch = present(problem, stored, row_seeds([1], rows), settings, training=True, device=device)
                loss_b = estimator.loss(batch.inputs, batch.targets)
                loss_b.mean().backward()  # type: ignore[no-untyped-call]
                measured = asking(estimator)(batch.inputs, batch.targets)
                assert {of.device for of in (*measured.values(), loss_b)} == {device}
                assert all(of.grad is None or of.grad.device == device for of in estimator.parameters())
                found.append({"loss": loss_b.detach().cpu(), **{name: of.cpu() for name, of in measured.items()}})
        here, elsewhere = found
        for name, array in here.items():
            off = 1e-4 * max(1.0, float(array.double().nan_to_num().abs().max()))  # what is large rounds coarsely
            assert torch.allclose(elsewhere[name].double(), array.double(), rtol=0, atol=off, equal_nan=True), name

    @pytest.mark.slow
    @pytest.mark.ci
    def test_what_follows_training_and_confirmation_and_evaluation_stay_on_a_device(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        with pretended() as device, tempfile.TemporaryDirectory() as cache:
            estimator, _ = problem.finish(self.estimator(problem, settings).to(device), small_dataset, settings)
            assert {of.device for of in estimator.state_dict().values()} == {device}
            answer = asking(estimator.eval())
            confirmed = problem.confirm(answer, small_dataset, settings, device=device, progress=lambda _: None)
            assert all(np.isfinite(loss.values).all() for loss in confirmed.losses)
            result = problem.evaluate(
                answer, small_dataset, settings, device=device, cache=Path(cache), progress=lambda _: None
            )
            assert all(np.isfinite(loss.values).all() for loss in result.losses)
            if settings.honesty is not None:
                assert problem.measure_honesty(answer, settings, device=device, progress=lambda _: None).metrics
            (batch,) = presented(
                problem, small_dataset, settings, small_dataset.rows("test")[:4], seed=[1], device=device
            )
            with torch.inference_mode():
                outputs = estimator(batch.inputs)
            assert len(estimator.doubts(batch.inputs, outputs, result.tested_range)) == batch.count

    @staticmethod
    def estimator(problem: Problem, settings: ProblemSettings) -> Estimator:
        """An untrained one, from JSON alone."""
        torch.manual_seed(0)
        built = build_estimator(problem, settings)
        again = build(json.loads(json.dumps(problem.estimator_config(settings))))
        again.load_state_dict(built.state_dict())
        return again.eval()

    @staticmethod
    def shipped_gates(problem: Problem) -> dict[str, GateSettings]:
        """What params.yaml says of gates at each size; nothing for a problem that is not in it."""
        path = HOUSE / "params.yaml"
        section = yaml.safe_load(path.read_text(encoding="utf-8"))["problems"].get(problem.name)
        sizes = ("demo", *section.get("sizes", {})) if section else ()
        return {size: load_settings(path, problem.name, problem.settings, size=size).gates for size in sizes}

    @staticmethod
    def honesty_metrics(problem: Problem, settings: ProblemSettings, estimator: Estimator) -> set[str]:
        """The names in the table of a model's honesty."""
        found = problem.measure_honesty(asking(estimator), settings, device=CPU, progress=lambda _: None)
        return set(found.metrics)

    def untrained_evaluation(self, problem: Problem, settings: ProblemSettings, dataset: Dataset) -> Evaluation:
        """That of an untrained model, made once in a process: it takes longer than most of the tests."""
        if problem.name not in EVALUATED:
            EVALUATED[problem.name] = self.evaluation(problem, settings, dataset, self.estimator(problem, settings))
        return EVALUATED[problem.name]

    @staticmethod
    def evaluation(problem: Problem, settings: ProblemSettings, dataset: Dataset, estimator: Estimator) -> Evaluation:
        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                asking(estimator), dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )


def show(
    problem: Problem, dataset: Dataset, settings: ProblemSettings, rows: np.ndarray, seed: int, *, training: bool
) -> Batch:
    """One batch."""
    if not training:
        (batch,) = presented(problem, dataset, settings, rows, seed=[seed], device=CPU)
        return batch
    stored = read_stored(problem, dataset, settings, rows)
    return present(problem, stored, row_seeds([seed], rows), settings, training=True, device=CPU)


def content(shard: Shard) -> list[bytes]:
    """All that is known of each row, as bytes."""
    told = zip(*(shard.columns[name].tolist() for name in shard.columns), strict=True)
    return [
        repr(row).encode() + b"".join(array[number].tobytes() for array in shard.arrays.values())
        for number, row in enumerate(told)
    ]
