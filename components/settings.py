"""params.yaml as typed, checked, frozen settings.

    settings = load_settings(Path("params.yaml"), "galaxy-shape", size="demo")

A misspelt key, a wrong type or a value out of range is an `AssayError` that names the key.
"""

import difflib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from components.errors import AssayError

CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
"""What every settings class shares: no unknown key, no NaN."""

T = TypeVar("T")
_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SimulationSettings:
    """What every problem's simulation needs; a problem adds its own physics."""

    count: Annotated[int, Field(ge=100)]
    """Images in the dataset, all splits together."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of everything random in the dataset."""
    shard_size: Annotated[int, Field(ge=50, le=100_000)]
    """Images in one file; also what one worker holds in memory."""
    validation_fraction: Fraction
    """Share of the images that searches and epochs are compared on."""
    test_fraction: Fraction
    """Share of the images that only evaluations see; each of them carries its bound."""

    def __post_init__(self) -> None:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction = {self.validation_fraction + self.test_fraction}"
                " leaves no image to train on: their sum must be below 1"
            )

    @property
    def shards(self) -> int:
        """Number of shards in the dataset."""
        return -(-self.count // self.shard_size)

    def shard_rows(self, shard: int) -> range:
        """Numbers of the catalogue rows in a shard."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.count))

    def split_of(self, row: int) -> str:
        """The split of a row: images are independent draws, so the first ones test, the next ones validate.

        Only test images carry a bound, which is costly: keeping them together keeps it to a few shards.
        """
        test = round(self.count * self.test_fraction)
        if row < test:
            return "test"
        return "validation" if row < test + round(self.count * self.validation_fraction) else "train"


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SearchSettings:
    """The Optuna study over networks and their parameters."""

    seed: Annotated[int, Field(ge=0)]
    trials: Positive
    """Trials of the study, pruned ones included."""
    workers: Positive
    """Processes that run trials; with 1 the study is reproducible to the trial."""
    epochs: Positive
    """Epochs of one trial."""
    images_per_epoch: Positive
    """Training images that one epoch of a trial shows."""
    networks: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the networks to choose from."""
    width: tuple[Positive, Positive]
    """Least and largest number of channels of the first layer, in steps of 8."""
    learning_rate: Annotated[tuple[float, float], Field()]
    """Least and largest learning rate, searched on a logarithmic scale."""

    def __post_init__(self) -> None:
        _ascending("width", self.width)
        _ascending("learning_rate", self.learning_rate)
        if self.learning_rate[0] <= 0:
            raise ValueError(f"learning_rate = {self.learning_rate}: must be above 0")


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class TrainSettings:
    """How one network is trained."""

    network: str
    """Name of the network in models/."""
    width: Positive
    """Channels of the first layer."""
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    """Peak learning rate, after the warm-up."""
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    """Weight decay of AdamW."""
    batch_size: Annotated[int, Field(ge=2)]
    """Images in one step."""
    epochs: Positive
    """Passes over the training split; every pass draws fresh noise."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the weights, the order and the noise."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class EvaluateSettings:
    """How much evidence an evaluation gathers."""

    realisations: Annotated[int, Field(ge=10)]
    """Noise realisations of each benchmark case."""
    bootstrap: Annotated[int, Field(ge=100)]
    """Bootstrap resamplings behind each confidence interval."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the noise, the same for every model, so that models are compared on the same images."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GateRule:
    """One rule over an evaluation: the 95 % interval of a metric must lie within the limits."""

    metric: str
    """Name of the metric, such as `rmse_over_crb.snr60.flux`."""
    min: float | None = None
    """Least value allowed."""
    max: float | None = None
    """Largest value allowed."""

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError(f"{self.metric} has neither min nor max: give one")
        if self.min is not None and self.max is not None:
            _ascending(self.metric, (self.min, self.max))


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GateSettings:
    """The rules for each stage."""

    staging: Annotated[tuple[GateRule, ...], Field(min_length=1)]
    """Rules that a candidate must pass."""
    margin: Annotated[float, Field(ge=0, le=1)]
    """How far above production's loss (relative) the 95 % interval of a challenger's may reach."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PackageSettings:
    """The Bento of a version and its proof."""

    golden_inputs: Annotated[int, Field(ge=1, le=64)]
    """Inputs whose answers are recorded at packaging and replayed before production."""
    tolerance: Annotated[float, Field(gt=0, le=1e-2)]
    """Largest difference allowed between a replayed and a recorded answer, relative to its reported error."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ScheduleSettings:
    """When `assay schedule` looks whether a retraining is due."""

    cron: str
    """Cron expression, in UTC."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ProblemSettings:
    """One problem's section of params.yaml, at one size."""

    simulate: SimulationSettings
    search: SearchSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    gates: GateSettings
    package: PackageSettings
    schedule: ScheduleSettings


def _ascending(name: str, pair: tuple[float, float]) -> None:
    if not pair[0] <= pair[1]:
        raise ValueError(f"{name} = {list(pair)}: the first must not exceed the second")


def check_range(name: str, pair: Range, *, least: float = float("-inf"), most: float = float("inf")) -> None:
    """Raise a ValueError that names the range unless least ≤ first ≤ second ≤ most."""
    _ascending(name, pair)
    if pair[0] < least or pair[1] > most:
        raise ValueError(f"{name} = {list(pair)}: must lie within {least:g} to {most:g}")


def load_settings(
    path: Path,
    problem: str,
    simulation: type[SimulationSettings],
    *,
    size: str = "demo",
    overrides: Mapping[str, Any] | None = None,
) -> ProblemSettings:
    """Read one problem's settings.

    Args:
        path: params.yaml.
        problem: name of the problem, a key under `problems`.
        simulation: the problem's own class for its `simulate` section.
        size: `demo` is the sections as they stand; any other name is a key under `sizes`, whose values go on top.
        overrides: values from the command line, by section, on top of those.

    Raises:
        AssayError: in one line, with the key, its value and what would be right.
    """
    document = _read(path)
    unknown = set(document) - {"profile", "problems"}
    if unknown:
        raise AssayError(f"{path.name}: unknown key {_hint(unknown.pop(), ['profile', 'problems'])}")
    if document.get("profile", "local") not in ("local", "cluster"):
        raise AssayError(f"{path.name}: profile = {document['profile']!r}: must be local or cluster")
    problems = document.get("problems") or {}
    if problem not in problems:
        raise AssayError(f"{path.name}: no section problems.{problem}: it has {', '.join(sorted(problems)) or 'none'}")
    sections = dict(problems[problem])
    sizes = sections.pop("sizes", None) or {}
    if size != "demo":
        if size not in sizes:
            raise AssayError(
                f"{path.name}: no size {size!r} under problems.{problem}.sizes: try demo or "
                f"{', '.join(sizes) or 'add one'}"
            )
        sections = _overlay(sections, sizes[size])
    sections = _overlay(sections, overrides or {})
    where = f"problems.{problem}"
    typed = {f"{section}.{key}" for section, values in (overrides or {}).items() for key in values}
    raw_simulation = sections.pop("simulate", None)
    checked_simulation = _check(simulation, raw_simulation, path, f"{where}.simulate", typed)
    return _check(ProblemSettings, sections | {"simulate": checked_simulation}, path, where, typed)


def settings_values(section: Any) -> dict[str, Any]:
    """A settings object as plain JSON values, for digests and reports."""
    return dict(TypeAdapter(dict[str, Any]).dump_python(asdict(section), mode="json"))


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise AssayError(f"{path.name}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(document, dict):
        raise AssayError(f"{path.name}: must hold keys, not {type(document).__name__}")
    return document


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _overlay(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _check(cls: type[T], values: Any, path: Path, where: str, typed: set[str]) -> T:
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        # A misspelt key is also a missing one: the former says more.
        first = min(error.errors(), key=lambda found: found["type"] not in _UNKNOWN)
        location = [str(part) for part in first["loc"]]
        key = ".".join([where, *location])
        if first["type"] in _UNKNOWN:
            raise AssayError(
                f"{path.name}: unknown key {where}.{'.'.join([*location[:-1], ''])}"
                f"{_hint(location[-1], _known(cls, location[:-1]))}"
            ) from error
        said = first["msg"].removeprefix("Value error, ")
        shown = first.get("input")
        value = f" = {shown!r}" if not isinstance(shown, dict) and "ArgsKwargs" not in repr(shown) else ""
        if any(key.endswith(f".{name}") for name in typed):  # it came from the command line
            raise AssayError(f"--{location[-1]} {shown}: {said}") from error
        missing = first["type"] in ("missing", "missing_argument")
        raise AssayError(f"{path.name}: {key}{'' if missing else value}: {said}") from error


def _known(cls: Any, location: list[str]) -> list[str]:
    for part in location:
        field = getattr(cls, "__dataclass_fields__", {}).get(part)
        if field is None:
            return []
        cls = field.type
    return list(getattr(cls, "__dataclass_fields__", {}))


def _hint(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"{key}: did you mean {close[0]}?" if close else f"{key}: known are {', '.join(known)}"
