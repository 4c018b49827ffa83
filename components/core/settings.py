"""What params.yaml may say, as frozen, checked settings classes; `components/core/params.py` reads it.

Every field has a docstring with its meaning and unit; a class checks its own values.
"""

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

__label__ = None

CHECKED = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)
"""What every settings class shares: no unknown key, no NaN."""

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
    """Share of the images that only evaluations see."""

    def __post_init__(self) -> None:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction = {self.validation_fraction + self.test_fraction}"
                " leaves no image to train on: their sum must be below 1"
            )


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
    fresh_conditions: bool
    """Whether PSF and noise level are drawn afresh, too, which draws every image again."""
    scoring_steps: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0, le=8)]]
    """Least and largest number of Fisher-scoring steps behind the network; the images say how many it takes."""
    processes: Positive
    """Processes that share the training, one for each GPU; without GPUs 1 is fastest."""
    correction_images: Positive
    """Training images that the correction behind the scoring steps is trained on."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the weights, the order and the noise."""

    def __post_init__(self) -> None:
        _ascending("scoring_steps", self.scoring_steps)


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class EvaluateSettings:
    """How much evidence an evaluation gathers."""

    realisations: Annotated[int, Field(ge=10)]
    """Noise realisations of each benchmark case."""
    reference_images: Annotated[int, Field(ge=2)]
    """Test images that the exact posterior mean is computed for, about a second each on one core."""
    failure_images: Annotated[int, Field(ge=8)]
    """Objects at each value of each failure map."""
    real_galaxies: str | None
    """Folder with real images that the problem can open, to be measured too; None for none."""
    bootstrap: Annotated[int, Field(ge=100)]
    """Bootstrap resamplings behind each confidence interval."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the noise, the same for every model, so that models are compared on the same images."""


OF_PACKAGE = "package."
"""How the names of metrics begin that are known when the package has been built."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GateRule:
    """One rule over an evaluation: the 95 % interval of a metric must lie within the limits."""

    metric: str
    """Name of the metric, with its slice and parameter, such as `rmse_over_crb.snr60.flux`; `package.megabytes` is
    measured when the package has been built."""
    min: float | None = None
    """Least value allowed."""
    max: float | None = None
    """Largest value allowed."""
    max_over_production: Annotated[float, Field(gt=0)] | None = None
    """Largest ratio allowed to the same metric of the version in production; nothing to hold where there is none."""

    def __post_init__(self) -> None:
        if self.min is None and self.max is None and self.max_over_production is None:
            raise ValueError(f"{self.metric} has no min, max or max_over_production: give one")
        if self.max_over_production is not None and not (self.min is None and self.max is None):
            raise ValueError(f"{self.metric} has max_over_production beside min or max: make two rules of it")
        if self.max_over_production is not None and self.metric.startswith(OF_PACKAGE):
            raise ValueError(f"{self.metric} has max_over_production, which packages do not know: give min or max")
        if self.min is not None and self.max is not None:
            _ascending(self.metric, (self.min, self.max))


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GateSettings:
    """The rules for each stage."""

    staging: Annotated[tuple[GateRule, ...], Field(min_length=1)]
    """Rules that a version must pass for staging, and again for production."""
    production: tuple[GateRule, ...]
    """Rules that it must pass for production beside those."""
    margin: Annotated[float, Field(ge=0, le=1)]
    """How far above production's mean loss of a parameter (relative) the interval of a challenger's may reach."""
    slice_margin: Annotated[float, Field(ge=0, le=1)]
    """The same within each slice, which has fewer images."""


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
class NotifySettings:
    """Who is told of stage changes and refused promotions; see `components/lifecycle/notifications.py`."""

    command: tuple[str, ...] | None
    """Program and arguments; it gets the event as JSON on its standard input."""
    url: str | None
    """HTTPS address that the event is posted to; http only on this machine."""

    def __post_init__(self) -> None:
        if self.command is not None and not self.command:
            raise ValueError("command is an empty list: name a program, or say null")
        where = urlsplit(self.url or "https://")
        if where.scheme != "https" and not (where.scheme == "http" and where.hostname in ("127.0.0.1", "localhost")):
            raise ValueError(f"url = {self.url}: must begin with https://")


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ProblemSettings:
    """One problem's section of params.yaml, at one size."""

    simulate: SimulationSettings
    search: SearchSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    gates: GateSettings
    package: PackageSettings
    notify: NotifySettings
    schedule: ScheduleSettings


def _ascending(name: str, pair: tuple[float, float]) -> None:
    if not pair[0] <= pair[1]:
        raise ValueError(f"{name} = {list(pair)}: the first must not exceed the second")


def check_range(name: str, pair: Range, *, least: float = float("-inf"), most: float = float("inf")) -> None:
    """Raise a ValueError that names the range unless least ≤ first ≤ second ≤ most."""
    _ascending(name, pair)
    if pair[0] < least or pair[1] > most:
        raise ValueError(f"{name} = {list(pair)}: must lie within {least:g} to {most:g}")


def settings_values(section: Any) -> dict[str, Any]:
    """A settings object as plain JSON values, for digests and reports."""
    return dict(TypeAdapter(dict[str, Any]).dump_python(asdict(section), mode="json"))
