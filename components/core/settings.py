"""What params.yaml may say, as frozen, checked settings classes; `components/core/params.py` reads it.

Every field has a docstring with its meaning and unit; a class checks its own values.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from components.core.ranges import CHECKED, Searched, Span, check_range

__label__ = None

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SimulationSettings:
    """What every problem's simulation needs; a problem adds its own physics."""

    count: Annotated[int, Field(ge=100)]
    """Images in the dataset, all splits together; with more or fewer, no image changes its split."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of everything random in the dataset."""
    shard_size: Annotated[int, Field(ge=50, le=100_000)]
    """Images in one file; also what one worker holds in memory."""
    validation_fraction: Fraction
    """Share of the images that searches and epochs are compared on."""
    test_fraction: Fraction
    """Share of the images that only evaluations see."""
    confirmation_fraction: Fraction
    """Share of the images that only promotions to production see."""

    def __post_init__(self) -> None:
        held_out = self.validation_fraction + self.test_fraction + self.confirmation_fraction
        if held_out >= 1:
            raise ValueError(
                f"validation_fraction + test_fraction + confirmation_fraction = {held_out:g} leaves no image to train "
                "on: their sum must be below 1"
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
    space: Annotated[dict[str, Searched], Field(min_length=1)]
    """What is searched: fields of `train`, each with the values to choose from or a range."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class TrainSettings:
    """How one network is trained; a problem adds what its own training knows beside that."""

    network: str
    """Name of the network in models/networks, or in models/map_networks where the answer is an image."""
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
    processes: Positive
    """Processes that share the training, one for each GPU; without GPUs 1 is fastest."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the weights, the order and the noise."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class EvaluateSettings:
    """How much evidence an evaluation gathers; a problem adds what its own evidence takes beside that."""

    bootstrap: Annotated[int, Field(ge=100)]
    """Bootstrap resamplings behind each confidence interval."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the noise, the same for every model, so that models are compared on the same images."""


_NOT_SEARCHED = {
    "epochs": "set search.epochs",
    "processes": "a trial runs in one: set search.workers",
}
"""Fields of `train` that a trial does not take from the space, and what to do."""
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
    """Largest ratio allowed to the same metric of the version in production; nothing to hold where there is none. It
    stands beside a `max`, or version after version could be that much worse than the one before."""

    def __post_init__(self) -> None:
        if self.min is None and self.max is None and self.max_over_production is None:
            raise ValueError(f"{self.metric} has no min, max or max_over_production: give one")
        if self.max_over_production is not None and self.max is None:
            raise ValueError(
                f"{self.metric} has max_over_production and no max, so that every version could be that much worse "
                "than the one before: give a max, too"
            )
        if self.max_over_production is not None and self.metric.startswith(OF_PACKAGE):
            raise ValueError(f"{self.metric} has max_over_production, which packages do not know: give min or max")
        if self.min is not None and self.max is not None:
            check_range(self.metric, (self.min, self.max))


Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class Margins:
    """How far above another model's mean losses the interval of a challenger's may reach for *not worse*."""

    margin: Share
    """Over all images, of the other's mean."""
    slice_margin: Share
    """The same within each slice, which has fewer images."""
    nats_margin: Share
    """The same of log scores, in nats."""
    nats_slice_margin: Share

    def of(self, scale: str, *, whole: bool) -> float:
        """The margin of a loss, relative or absolute, over all images or within a slice."""
        if scale == "relative":
            return self.margin if whole else self.slice_margin
        return self.nats_margin if whole else self.nats_slice_margin


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class GateSettings:
    """The rules for each stage."""

    staging: Annotated[tuple[GateRule, ...], Field(min_length=1)]
    """Rules that a version must pass for staging, and again for production."""
    production: tuple[GateRule, ...]
    """Rules that it must pass for production beside those."""
    fresh_images: Annotated[int, Field(ge=30)]
    """Images that are drawn for each comparison, where there is a simulator: the more, the smaller a difference is
    seen."""
    over_production: Margins
    """How much worse than production a challenger may be."""
    over_best: Margins
    """How much worse than the best version that was ever in production: small losses may not add up beyond it."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(Margins)):
            if getattr(self.over_best, name) < getattr(self.over_production, name):
                raise ValueError(
                    f"over_best: {name} = {getattr(self.over_best, name):g} is below that of over_production, "
                    f"{getattr(self.over_production, name):g}, which would then never decide: give more"
                )
        for rule in self.staging:
            if rule.max_over_production is not None:  # nothing is compared there: it would be passed over
                raise ValueError(f"staging: {rule.metric} has max_over_production: put it under production")


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PackageSettings:
    """The Bento of a version and its proof."""

    golden_inputs: Annotated[int, Field(ge=2, le=64)]
    """Inputs whose answers are recorded at packaging and replayed before production; the last one is to be doubted."""


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
    """One problem's section of params.yaml, at one size; a problem narrows `simulate`, `train` and `evaluate`."""

    simulate: SimulationSettings
    search: SearchSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    gates: GateSettings
    package: PackageSettings
    notify: NotifySettings
    schedule: ScheduleSettings

    def __post_init__(self) -> None:
        for name, choices in self.search.space.items():
            if not hasattr(self.train, name):
                known = ", ".join(settings_values(self.train))
                raise ValueError(f"search.space.{name}: train has no {name} to be searched: it has {known}")
            if name in _NOT_SEARCHED:
                raise ValueError(f"search.space.{name}: a search does not decide it: {_NOT_SEARCHED[name]}")
            whole = isinstance(getattr(self.train, name), int)
            if isinstance(choices, Span) and whole and not (choices.step or 1.0).is_integer():
                raise ValueError(f"search.space.{name}: step = {choices.step}: must be a whole number, as {name} is")
            for value in (choices.low, choices.high) if isinstance(choices, Span) else choices:
                kept = getattr(self._train_with({name: value}), name)
                if kept != value or isinstance(kept, bool) != isinstance(value, bool):
                    raise ValueError(f"search.space.{name} = {value!r}: train would read it as {kept!r}: write that")

    def searched(self, parameters: Mapping[str, Any]) -> Self:
        """The same with what a search chose in its `train` section; whole numbers where it has whole numbers.

        Raises:
            ValueError: naming the parameter that `train` cannot have.
        """
        return replace(self, train=self._train_with(parameters))

    def _train_with(self, parameters: Mapping[str, Any]) -> TrainSettings:
        chosen: dict[str, Any] = {
            name: int(value)
            if isinstance(getattr(self.train, name), int) and isinstance(value, float) and value.is_integer()
            else value
            for name, value in parameters.items()
        }
        try:
            return replace(self.train, **chosen)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"search.space.{where} = {first.get('input')!r}: {first['msg']}") from error


def settings_values(section: Any) -> dict[str, Any]:
    """A settings object as plain JSON values, for digests and reports."""
    return dict(TypeAdapter(dict[str, Any]).dump_python(asdict(section), mode="json"))
