"""A sound dataset passes the validation, and each kind of damage is refused under its own name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from components.core.errors import RefusedError
from components.core.settings import SimulationSettings
from components.core.workspace import Workspace
from components.data.simulation import write_manifest
from components.data.statistics import dataset_statistics, image_statistics
from components.data.validation import require_valid, validate
from components.fields.checks import Checks
from components.fields.dataset import Dataset
from components.fields.layout import CATALOGUE, SPLITS, shard_name
from components.fields.problem import Problem
from components.fields.splits import split_counts
from components.simulators import simulated_checks
from models.fields import Field

COUNT, SHARD, SIDE = 200, 100, 24
SETTINGS = SimulationSettings(
    count=COUNT, seed=1, shard_size=SHARD, validation_fraction=0.1, test_fraction=0.1, confirmation_fraction=0.1
)
PRIOR = {
    "flux": (0.3, 4.0),
    "n": (0.5, 6.0),
    "half_light_radius": (1.0, 2.5),
    "g1": (-0.67, 0.67),
    "g2": (-0.67, 0.67),
    "psf_fwhm": (0.5, 1.0),
    "sigma": (200.0, 400.0),
}
TRUTHS = ("flux", "n", "half_light_radius", "g1", "g2")
TEST_ROW, OTHER_TEST_ROW, TRAIN_ROW, OTHER_TRAIN_ROW = 0, 120, 10, 150

Stamps = np.ndarray[Any, Any]
Damage = Callable[[pd.DataFrame, Stamps], tuple[pd.DataFrame, Stamps]]


class Blobs:
    """As much of a problem as the validation looks at: round Gaussians in the place of galaxies."""

    name = "blobs"
    truths = TRUTHS
    conditions = ("sigma", "psf_fwhm")

    def stored(self, settings: SimulationSettings) -> tuple[Field, ...]:
        return (Field(name="stamp", shape=(SIDE, SIDE)), *(Field(name=name) for name in TRUTHS))

    def counts(self, settings: SimulationSettings) -> dict[str, int]:
        return split_counts(settings)

    def checks(self, dataset: Dataset, settings: SimulationSettings) -> Checks:
        covered = ("flux", "n", "half_light_radius", "psf_fwhm", "sigma")
        return simulated_checks(dataset, settings, ranges=PRIOR | {"snr": (1.0, 1000.0)}, covered=covered, redraw=blobs)


PROBLEM = cast(Problem, Blobs())


def blobs(catalogue: pd.DataFrame) -> Stamps:
    axis_w = np.arange(SIDE) - (SIDE - 1) / 2
    radius2_hw = axis_w**2 + axis_w[:, None] ** 2
    width2_b11 = catalogue["half_light_radius"].to_numpy()[:, None, None] ** 2
    flux_b11 = 1e5 * catalogue["flux"].to_numpy()[:, None, None]
    stamps: Stamps = flux_b11 * np.exp(-radius2_hw / 2 / width2_b11) / (2 * np.pi * width2_b11)
    return stamps


def draw() -> tuple[pd.DataFrame, Stamps]:
    rng = np.random.default_rng(7)
    catalogue = pd.DataFrame({name: rng.uniform(low, high, COUNT) for name, (low, high) in PRIOR.items()})
    stamps = blobs(catalogue).astype(np.float32)
    catalogue["snr"] = np.sqrt((stamps.astype(float) ** 2).sum((1, 2))) / catalogue["sigma"]
    catalogue["split"] = np.resize(["test", "train", "validation", "confirmation", *["train"] * 6], COUNT)
    for name in TRUTHS:
        catalogue[f"crb_{name}"] = rng.uniform(0.1, 0.2, COUNT)
    return catalogue, stamps


def write(folder: Path, catalogue: pd.DataFrame, stamps: Stamps) -> Dataset:
    folder.mkdir()
    for shard, start in enumerate(range(0, max(len(stamps), 1), SHARD)):
        np.save(folder / shard_name("stamp", "train", shard), stamps[start : start + SHARD])
    catalogue.to_parquet(folder / CATALOGUE)
    write_manifest(folder, problem="blobs", settings={}, fingerprint="blobs")
    return Dataset.open(folder)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("clone")
    return Workspace(root=root, home=root / "state folder")


def nan_stamp(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    stamps[TRAIN_ROW] = np.nan
    return catalogue, stamps


def empty(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue.iloc[:0], stamps[:0]


def empty_catalogue_only(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue.iloc[:0], stamps


def missing_rows(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue.iloc[:-3], stamps[:-3]


def missing_stamps(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue, stamps[:-3]


def duplicated(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    catalogue.loc[OTHER_TRAIN_ROW] = catalogue.loc[TRAIN_ROW + 1]
    stamps[OTHER_TRAIN_ROW] = stamps[TRAIN_ROW + 1]
    return catalogue, stamps


def shared_with_test(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    catalogue.loc[TRAIN_ROW + 1] = catalogue.loc[OTHER_TEST_ROW]
    catalogue.loc[TRAIN_ROW + 1, "split"] = "train"
    stamps[TRAIN_ROW + 1] = stamps[OTHER_TEST_ROW]
    return catalogue, stamps


def no_test_split(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue.replace({"split": {"test": "train"}}), stamps


def set_value(column: str, row: int | None, value: float) -> Damage:
    def damage(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
        catalogue.loc[slice(None) if row is None else row, column] = value
        return catalogue, stamps

    return damage


def wrong_snr(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    catalogue["snr"] *= np.where(catalogue.index == TRAIN_ROW, 1.002, 1)
    return catalogue, stamps


def off_centre(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue, np.roll(stamps, 1, axis=2)


def slightly_too_bright(catalogue: pd.DataFrame, stamps: Stamps) -> tuple[pd.DataFrame, Stamps]:
    return catalogue, stamps * np.float32(1.0001)


DAMAGES: list[tuple[Damage, str, str]] = [
    (nan_stamp, "blobs.images: stamp_not_finite", "1.0 in 1 of 200 rows, first in row 10"),
    (empty, "blobs.dataset: rows", "observed 0 "),
    (empty_catalogue_only, "blobs.dataset: rows", "observed 0 "),
    (missing_rows, "blobs.dataset: rows", "observed 197 "),
    (missing_stamps, "blobs.dataset: rows: expected as many rows of stamp", "observed 200 and 197"),
    (duplicated, "blobs.images: stored_hash", "in 2 of 200 rows, first in row 11"),
    (shared_with_test, "blobs.dataset: test_overlap", "observed 1 "),
    (no_test_split, "blobs.dataset: test_rows", "observed 0"),
    (set_value("g1", TRAIN_ROW, 0.7), "blobs.images: g1", "0.7 in 1 of 200 rows, first in row 10"),
    (set_value("g2", None, np.nan), "blobs.images: g2: expected not missing", "nan in 200 of 200 rows"),
    (wrong_snr, "blobs.images: stamp_snr_difference", "in 1 of 200 rows, first in row 10"),
    (set_value("crb_g1", OTHER_TEST_ROW, 0.0), "blobs.images: crb_g1", "0.0 in 1 of 200 rows, first in row 120"),
    (off_centre, "blobs.redrawn: redrawn_difference: expected ≤ 0.0005", "in 20 of 20 rows, first in row 0"),
    (slightly_too_bright, "blobs.redrawn: redrawn_difference: expected ≤ 3e-05 in the median", "observed 0.0001"),
]


def test_a_sound_dataset_passes_again_and_again(workspace: Workspace, tmp_path: Path) -> None:
    dataset = write(tmp_path / "blobs", *draw())
    first, second = (validate(workspace, PROBLEM, dataset, SETTINGS) for _ in range(2))
    for validation in (first, second):
        assert validation.failures == ()
        assert validation.passed
        require_valid(validation)
    assert first.checked == second.checked > 40
    assert dataset.digest[:12] in second.docs.read_text(encoding="utf-8")  # the page says which dataset it is about
    assert first.docs != second.docs


@pytest.mark.parametrize(("damage", "named", "observed"), DAMAGES, ids=[named for _, named, _ in DAMAGES])
def test_a_damaged_dataset_is_refused_by_name(
    damage: Damage, named: str, observed: str, workspace: Workspace, tmp_path: Path
) -> None:
    dataset = write(tmp_path / "blobs", *damage(*draw()))
    validation = validate(workspace, PROBLEM, dataset, SETTINGS)
    with pytest.raises(RefusedError) as refusal:
        require_valid(validation)
    line = str(refusal.value)
    assert line.startswith(f"{named}")
    assert observed in line
    assert line.endswith(f": open {validation.docs}")
    assert "\n" not in line
    assert not validation.passed
    assert validation.docs.is_file()


def test_damages_that_come_together_are_all_named(workspace: Workspace, tmp_path: Path) -> None:
    catalogue, stamps = draw()
    stamps[10, 3, 4] = np.inf
    stamps[11] = 0
    catalogue.loc[12, "split"] = "trian"
    catalogue.loc[13, "flux"] = np.inf
    catalogue.loc[TEST_ROW, "crb_n"] = np.nan
    catalogue.loc[OTHER_TEST_ROW, "crb_n"] = np.inf
    catalogue["n"] = 2 + catalogue["n"] / 6
    catalogue = catalogue.drop(columns="psf_fwhm")
    validation = validate(workspace, PROBLEM, write(tmp_path / "blobs", catalogue, stamps), SETTINGS)
    found = {(failure.column, failure.expected.split(",")[0]): failure.observed for failure in validation.failures}
    assert found["stamp_not_finite", "= 0"].endswith("in 1 of 200 rows, first in row 10")
    assert found["stamp_max", "> 0"] == "0.0 in 1 of 200 rows, first in row 11"
    assert found["split", "one of train"] == "trian in 1 of 200 rows, first in row 12"
    assert found["flux", "not missing"] == "nan in 1 of 200 rows, first in row 13"
    assert found["crb_n", "not missing"] == "nan in 2 of 200 rows, first in row 0"
    assert found["psf_fwhm", "not missing"] == 'The column "psf_fwhm" in BatchData does not exist.'
    assert found["coverage_n", "≥ 0.79"].startswith("0.16")
    assert found["coverage_psf_fwhm", "≥ 0.79"] == "0.0"


def test_a_folder_left_half_written_is_mended(workspace: Workspace, tmp_path: Path) -> None:
    dataset = write(tmp_path / "blobs", *draw())
    assert validate(workspace, PROBLEM, dataset, SETTINGS).passed
    gx = workspace.home / "gx"
    for path in (
        gx / "great_expectations.yml",
        *gx.glob("expectations/**/*.json"),
        *gx.glob("validation_definitions/*.json"),
    ):
        path.write_text(path.read_text(encoding="utf-8")[:100], encoding="utf-8")
    (workspace.home / "gx.unfinished").touch()  # as a kill leaves it
    assert validate(workspace, PROBLEM, dataset, SETTINGS).passed


def test_statistics_measure_the_stamps(tmp_path: Path) -> None:
    catalogue, stamps = draw()
    dataset = write(tmp_path / "blobs", catalogue, stamps)
    images = image_statistics(dataset, TRUTHS)
    assert len(images) == COUNT
    np.testing.assert_allclose(images["stamp_max"], stamps.max(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(images["stamp_mean"], stamps.mean(axis=(1, 2), dtype=np.float64), rtol=1e-6)
    assert (images["stamp_not_finite"] == 0).all()
    whole = dataset_statistics(dataset, images).iloc[0]
    assert (whole["rows"], whole["stamp_rows"], whole["duplicates"], whole["test_overlap"]) == (COUNT, COUNT, 0, 0)
    assert whole[[f"{split}_fraction" for split in SPLITS]].tolist() == [0.7, 0.1, 0.1, 0.1]
    checks = simulated_checks(
        dataset, SETTINGS, ranges={**PRIOR, "absent": (0.0, 1.0)}, covered=("n", "absent"), redraw=blobs
    )
    np.testing.assert_allclose(checks.images["stamp_snr"], catalogue["snr"], rtol=1e-6)
    assert 0.95 < checks.dataset["coverage_n"] <= 1
    assert checks.dataset["coverage_absent"] == 0
