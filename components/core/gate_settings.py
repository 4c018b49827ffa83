"""What params.yaml may say of gates: rules over an evaluation, and how much worse than others a challenger may be.

`components/gates` judges by them.
"""

from dataclasses import fields
from typing import Annotated

from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass

from components.core.ranges import CHECKED, check_range

__label__ = None

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
Nats = Annotated[float, Field(ge=0)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class Margins:
    """How far above another model's mean losses the interval of a challenger's may reach for *not worse*."""

    margin: Share
    """Over all images, of the other's mean."""
    slice_margin: Share
    """The same within each slice, which has fewer images."""
    nats_margin: Nats
    """The same of log scores, in nats."""
    nats_slice_margin: Nats

    def of(self, scale: str, *, whole: bool) -> float:
        """The margin of a loss, relative or absolute, over all images or within a slice."""
        if scale == "relative":
            return self.margin if whole else self.slice_margin
        return self.nats_margin if whole else self.nats_slice_margin


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class HonestyGates:
    """What promotions to production ask of a version's measured honesty (`assay honesty`)."""

    required: bool
    """Whether a version without a table is refused; one is in any case where production has one."""
    rules: tuple[GateRule, ...]
    """Over the metrics of the table."""


NOT_ASKED = HonestyGates(required=False, rules=())


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
    honesty: HonestyGates = NOT_ASKED
    """What is asked for production of biases that were measured over night."""
    committed: bool = True
    """Whether a version is refused whose code, settings or rules no commit holds."""
    longest_override_days: Annotated[int, Field(ge=1, le=366)] = 90
    """Days from today to the last day that an override may be given for: what is to hold longer is given again."""
    may_override: tuple[Name, ...] = ()
    """Who may be named by an override beside the account that runs the command, such as people who share one."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(Margins)):
            if getattr(self.over_best, name) < getattr(self.over_production, name):
                raise ValueError(
                    f"over_best: {name} = {getattr(self.over_best, name):g} is below that of over_production, "
                    f"{getattr(self.over_production, name):g}, which would then never decide: give more"
                )
        for rule in (*self.staging, *self.honesty.rules):
            if rule.max_over_production is not None:  # nothing is compared there: it would be passed over
                raise ValueError(f"{rule.metric} has max_over_production, and is not compared: put it under production")
        if all(rule.metric.startswith(OF_PACKAGE) for rule in self.staging):
            raise ValueError(
                "staging asks of the package alone, and nothing of answers: add a rule over the evaluation"
            )
        for rule in self.honesty.rules:
            if rule.metric.startswith(OF_PACKAGE):
                raise ValueError(f"honesty: {rule.metric}: no table of honesty has it: put it under staging")
        if self.honesty.required and not self.honesty.rules:
            raise ValueError("honesty: required, and no rules: nothing would be read of the table: add some")
