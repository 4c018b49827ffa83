"""What params.yaml may say, as frozen, checked settings classes; `components/core/params.py` reads it.

Every field has a docstring with its meaning and unit; a class checks its own values.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from components.core.gate_settings import GateSettings
from components.core.ranges import CHECKED, Searched, Span

__label__ = None

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


PLACE = {"place": True}
"""Metadata of a field that says where things lie, and decides nothing."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class DataSettings:
    """What every dataset needs, drawn or read."""

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
class SimulationSettings(DataSettings):
    """What every problem's simulation needs; a problem adds its own physics."""

    count: Annotated[int, Field(ge=100)]
    """Images in the dataset, all splits together; with more or fewer, no image changes its split."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class SearchSettings:
    """The Optuna study over networks and their parameters."""

    seed: Annotated[int, Field(ge=0)]
    trials: Positive
    """Trials of the study, pruned ones included."""
    workers: Positive
    """Processes that run trials, each on a GPU of its own where there are GPUs; with 1 the study is reproducible to the
    trial. The workers of a Dask scheduler take their place where one is named."""
    epochs: Positive
    """Epochs of one trial."""
    images_per_epoch: Positive
    """Training images that one epoch of a trial shows."""
    pruner: Literal["median", "halving", "hyperband"] = "median"
    """Who ends trials early by their validation loss after each epoch: those above the median of the trials before, all
    but the best third at one, three, nine … epochs (successive halving), or the same begun at several lengths."""
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
    """Processes that share the training, one for each GPU, and each batch evenly; without GPUs 1 is fastest."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the weights, the order and the noise."""
    bfloat16: bool = False
    """Whether a training on processors computes in bfloat16, too, as on GPUs: nearly twice as fast where they know such
    numbers (AVX-512 BF16, AMX), and slower elsewhere. Only trunks do; what goes in, heads and losses are in float32."""

    def __post_init__(self) -> None:
        if self.batch_size % self.processes:
            raise ValueError(
                f"batch_size = {self.batch_size} and processes = {self.processes}: each process shows its share of "
                "every batch: make batch_size a multiple of processes"
            )


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class EvaluateSettings:
    """How much evidence an evaluation gathers; a problem adds what its own evidence takes beside that."""

    bootstrap: Annotated[int, Field(ge=100)]
    """Bootstrap resamplings behind each confidence interval."""
    seed: Annotated[int, Field(ge=0)]
    """Seed of the noise, the same for every model, so that models are compared on the same images."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class HonestySettings:
    """How thoroughly biases are measured, which takes a night; a problem adds what its own take."""

    seed: Annotated[int, Field(ge=0)]
    """Seed of objects and noise, the same for every model."""


_NOT_SEARCHED = {
    "epochs": "set search.epochs",
    "processes": "a trial runs in one: set search.workers",
}
"""Fields of `train` that a trial does not take from the space, and what to do."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class PackageSettings:
    """The Bento of a version and its proof."""

    golden_inputs: Annotated[int, Field(ge=2, le=64)]
    """Inputs whose answers are recorded at packaging and replayed before production; the last one is to be doubted."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ServeSettings:
    """How much a server takes on; a server that somebody starts by hand has the defaults (`services/limits.py`)."""

    body_mib: Annotated[int, Field(ge=16, le=1024)] = 32
    """MiB of one request's body; reading one in JSON costs twenty times that."""
    body_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """How long it may take to come, in seconds."""
    request_images: Annotated[int, Field(ge=64, le=65_536)] = 256
    """Images in one request."""
    batch_images: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Images that are answered at once, where requests arrive together; one request of more is answered whole; by
    default 64 on a processor, and as many as a GPU has memory for."""
    batch_ms: Annotated[float, Field(ge=0, le=1000)] = 10.0
    """How long a batch waits for those that were just answered to ask again, in ms; one client alone never waits."""
    queue_images: Annotated[int, Field(ge=1)] = 2048
    """Images that may wait; who asks for more is told to come back, with status 429."""
    records_mib: Annotated[int, Field(ge=0, le=2**20)] = 256
    """MiB of records of what was answered, at most: the oldest make room for the newest; 0 for none."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ScheduleSettings:
    """When `assay schedule` looks whether a retraining is due."""

    cron: str
    """Cron expression, in UTC."""


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class NotifySettings:
    """Who is told of stage changes, refusals and failed retrainings; see `components/lifecycle/notifications.py`."""

    command: tuple[str, ...] | None
    """Program and arguments; it gets the event as JSON on its standard input."""

    def __post_init__(self) -> None:
        if self.command is not None and not self.command:
            raise ValueError("command is an empty list: name a program, or say null")


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class ProblemSettings:
    """One problem's section of params.yaml, at one size; a problem narrows `simulate`, `train` and `evaluate`."""

    simulate: DataSettings
    search: SearchSettings
    train: TrainSettings
    evaluate: EvaluateSettings
    gates: GateSettings
    package: PackageSettings
    notify: NotifySettings
    schedule: ScheduleSettings
    serve: ServeSettings = ServeSettings()
    honesty: HonestySettings | None = None
    """None where a problem has no such measurement."""

    def __post_init__(self) -> None:
        if self.honesty is None and self.gates.honesty.rules:
            raise ValueError("gates.honesty has rules, and no section `honesty` says how it is measured: add one")
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
            if not where:  # of several fields together
                said = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"search.space.{', '.join(chosen)}: {said}") from error
            raise ValueError(f"search.space.{where} = {first.get('input')!r}: {first['msg']}") from error


def settings_values(section: Any) -> dict[str, Any]:
    """A settings object as plain JSON values, for digests and reports; without the places of things."""
    places = {of.name for of in fields(section) if of.metadata.get("place")}
    values = {name: value for name, value in asdict(section).items() if name not in places}
    return dict(TypeAdapter(dict[str, Any]).dump_python(values, mode="json"))
