"""Real objects measured by programs that are not ours, and held against the model's answers.

    table = compare_with_tools(about, stored, flagged_b=flagged_b)

Such a program measures what is seen, through the PSF and within an aperture or a weight of its own. No parameter of a
fitted profile is that number, so that none is held against it. Two numbers of the same program are: of the object's
image, and of the model's answer drawn through the same PSF and camera. Whatever the program does to light, it does to
both, and they differ by noise alone where the answer drawn is what the camera saw.

No two images have noise in common: that which the model answers has its own, that which each program measures, and each
of those that errors are the spread of:

* the program's number is the mean over `_REALISATIONS` of the object, and its error what these say of the mean's;
* the likelihood's error is the spread of what is drawn of its answers to as many others. It claims to be unbiased, so
  that this is all of its error;
* the posterior's is the spread over its own draws, of whose numbers the mean counts. It leans to the prior, and the
  more it does, the less its answers scatter and the farther they are from the truth; but what it states of itself is
  either true or false.

A difference in units of both errors, the pull, is Student-t distributed where these are spreads of so few (its degrees
of freedom after Welch 1947). Of all comparisons of an answer those disagree whose chance is small for as many as there
are: of those which do, one in twenty does by luck, and where nothing is wrong, at nineteen answers in twenty none does
(Benjamini & Hochberg 1995). What is a little wrong everywhere no object may show by itself; their mean pull does,
beyond the 0.2 to 0.4 that noise makes of it, since answers are drawn without.

Shape suffixes: b images, d draws or realisations, q quantities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from components.core import EvaluateSettings
from components.evidence.intervals import Array, interval, rms, share
from components.evidence.numbers.answers import LIKELIHOOD, POSTERIOR
from components.evidence.numbers.consistency import ANSWERED
from components.evidence.numbers.parts import Gathering
from components.evidence.numbers.tools import MeasuringTool
from components.fields import Metric, fresh_seed, no_metric

__label__ = "independent"

Stored = Mapping[str, np.ndarray[Any, Any]]

_BY_LUCK = 0.05
"""Share of the disagreements that may be none; the chance that there are any where nothing is wrong."""
_REALISATIONS = 32
"""That an error is the spread of: it is known to 13 %."""
_NONE = "no answer drawn could be measured"


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """One of the model's answers, as parameters of the objects."""

    value_dbp: Array
    """Of whose numbers the mean counts."""
    spread_dbp: Array
    """Of whose numbers the spread is its error."""


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """Numbers of a program with their errors, shape (b, q) each."""

    value: Array
    error: Array
    freedom: Array
    """Degrees of freedom of the error."""


def compare_with_tools(about: Gathering, stored: Stored, *, flagged_b: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Hold what each program says of each object against what it says of each answer.

    Args:
        about: the model and its problem.
        stored: the objects' stored fields.
        flagged_b: which of them the in-domain test refuses; they are compared all the same.

    Returns:
        One row an image, answer and quantity, with `tool`, `unit`, `theirs` (of the object) and `ours` (of the answer),
        the errors of both, `pull` (theirs less ours, in joint errors), `chance` (of so large a one), `disagrees` and
        `flagged`. An answer of which the program finds nothing disagrees; where it finds nothing of the object, or
        where half of what an error is the spread of has no number, nothing is compared: `chance` is NaN.
    """
    parts = []
    answers = _answers(about, stored)
    for tool in about.problem.tools(about.simulation):
        theirs = _of_objects(about, stored, tool)
        for answer, drawn in answers.items():
            ours = _of_answer(about, stored, tool, drawn)
            freedom = (theirs.error**2 + ours.error**2) ** 2 / (
                theirs.error**4 / theirs.freedom + ours.error**4 / ours.freedom
            )
            pull = (theirs.value - ours.value) / np.hypot(theirs.error, ours.error)
            chance = 2 * stats.t.sf(np.abs(pull), freedom)
            chance[np.isfinite(theirs.value) & ~np.isfinite(ours.value)] = 0.0
            columns = {
                **{"theirs": theirs.value, "theirs_error": theirs.error},
                **{"ours": ours.value, "ours_error": ours.error},
                **{"pull": pull, "chance": chance},
            }
            parts += [
                pd.DataFrame(
                    {
                        **{"image": np.arange(len(pull)), "answer": answer, "tool": tool.name},
                        **{"quantity": quantity, "unit": unit},
                        **{name: array[:, q] for name, array in columns.items()},
                        "flagged": flagged_b,
                    }
                )
                for q, (quantity, unit) in enumerate(tool.quantities.items())
            ]
    table = pd.concat(parts, ignore_index=True)
    adjusted = table["chance"].dropna().groupby(table["answer"]).transform(stats.false_discovery_control)
    return table.assign(disagrees=adjusted.reindex(table.index) < _BY_LUCK)


def independent_metrics(table: pd.DataFrame, settings: EvaluateSettings) -> dict[str, Metric]:
    """Of objects that are not flagged, for each answer and quantity.

    Returns:
        `<answer>.disagree.real.<quantity>` (share), `….pull.real.…` (RMS) and `….mean_pull.real.…`.
    """
    metrics = {}
    compared = table[~table["flagged"] & table["chance"].notna()]
    for (answer, quantity), rows in compared.groupby(["answer", "quantity"], sort=False):
        pulls = rows["pull"].dropna().to_numpy(dtype=np.float64)
        metrics[f"{answer}.disagree.real.{quantity}"] = share(rows["disagrees"].to_numpy(dtype=np.float64))
        for name, statistic in (("pull", rms), ("mean_pull", np.mean)):
            found = interval(pulls, statistic, settings.bootstrap, settings.seed) if len(pulls) else no_metric(_NONE)
            metrics[f"{answer}.{name}.real.{quantity}"] = found
    return metrics


def _of_objects(about: Gathering, stored: Stored, tool: MeasuringTool) -> _Measured:
    """What a program says of objects under noise of its own."""
    conditions_bc = _conditions(about, stored)

    def measure(number: int) -> Array:
        batches = about.observe(stored, fresh_seed("real objects", tool.name, number))
        images = np.concatenate([batch.inputs["image"].cpu().numpy() for batch in batches])
        return tool.measure(images, conditions_bc)

    value, spread, freedom = _spread([measure(number) for number in range(_REALISATIONS)])
    return _Measured(value=value, error=spread / np.sqrt(freedom + 1), freedom=freedom)


def _of_answer(about: Gathering, stored: Stored, tool: MeasuringTool, answer: _Answer) -> _Measured:
    """What it says of an answer, drawn."""
    conditions_bc = _conditions(about, stored)

    def measure(values_dbp: Array) -> tuple[Array, Array, Array]:
        drawn = (about.problem.draw_answers(values_bp, conditions_bc, about.simulation) for values_bp in values_dbp)
        return _spread([tool.measure(images, conditions_bc) for images in drawn if images is not None])

    value, error, freedom = measure(answer.spread_dbp)
    if answer.value_dbp is not answer.spread_dbp:
        value, _, _ = measure(answer.value_dbp)
    return _Measured(value=value, error=error, freedom=freedom)


def _answers(about: Gathering, stored: Stored) -> dict[str, _Answer]:
    """Each of the model's answers by its name."""
    first = _ask(about, stored, ANSWERED)
    draws_dbp = first["samples"].swapaxes(0, 1)
    found = {POSTERIOR: _Answer(value_dbp=draws_dbp, spread_dbp=draws_dbp)}
    names = [f"{LIKELIHOOD}_{truth}" for truth in about.problem.truths]
    if set(names) <= set(first):
        seeds = (fresh_seed("real objects", "answered for the spread", number) for number in range(_REALISATIONS))
        further = (_ask(about, stored, seed) for seed in seeds)
        spread_dbp, value_dbp = (
            np.stack([np.stack([outputs[name] for name in names], axis=1) for outputs in asked])
            for asked in (further, [first])
        )
        found[LIKELIHOOD] = _Answer(value_dbp=value_dbp, spread_dbp=spread_dbp)
    return found


def _ask(about: Gathering, stored: Stored, seed: int) -> dict[str, Array]:
    """What the model says of objects under noise, by name, objects first."""
    parts = []
    for batch in about.observe(stored, seed):
        parts.append({name: array.double().cpu().numpy() for name, array in about.answer(batch.inputs).items()})
        about.progress(batch.count)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _spread(values: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Mean, standard deviation and its degrees of freedom over the first axis; NaN where half of the numbers are."""
    values_dbq = np.stack(values)
    there_dbq = np.isfinite(values_dbq)
    count_bq = there_dbq.sum(axis=0)
    enough_bq = 2 * count_bq > len(values_dbq)
    mean_bq = np.where(there_dbq, values_dbq, 0).sum(axis=0) / np.where(enough_bq, count_bq, np.nan)
    squares_bq = np.where(there_dbq, values_dbq - mean_bq, 0) ** 2
    freedom_bq = np.where(enough_bq & (count_bq > 1), count_bq - 1.0, np.nan)
    return mean_bq, np.sqrt(squares_bq.sum(axis=0) / freedom_bq), freedom_bq


def _conditions(about: Gathering, stored: Stored) -> Array:
    return np.stack([stored[name] for name in about.problem.conditions], axis=1).astype(np.float64)
