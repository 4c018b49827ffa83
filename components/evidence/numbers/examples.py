"""The best, the median and the worst answer to the test split, each beside its image: what a model's scores look like.

    part = examples(about, answers)           # a picture, and a table of truths and answers

They are chosen by the log score of the posterior. Where a problem can draw an answer, the likelihood is drawn, if there
is one, and what that leaves of the image, in units of its noise: nothing but noise where it explains all that was seen.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from components.core import significant
from components.evidence.intervals import Array
from components.evidence.numbers.answers import POSTERIOR, Answers
from components.evidence.numbers.parts import Gathering, Part
from components.fields import Report

__label__ = "examples"

EXAMPLES = "examples"
_CHOSEN = ("best", "median", "worst")
_NOISE = "sigma"
"""The condition that is the noise of a pixel, where there is one."""
_RESIDUAL = 4.0
"""Standard deviations at which residuals are black and white."""


def examples(about: Gathering, answers: Answers) -> Part:
    """The picture and the table `examples`, of truths and answers in the columns of both.

    Args:
        about: the model and what it is measured on.
        answers: to the test split, in its order.
    """
    order = np.argsort(answers.log_score, kind="stable")
    chosen = order[[0, len(order) // 2, -1]]
    split, problem = about.split("test"), about.problem
    image_khw = split.inputs_of(chosen)["image"].double().numpy()
    condition_kc = split.table.loc[chosen, list(problem.conditions)].to_numpy(dtype=np.float64)
    of = answers.of(chosen)
    answer = of.names[-1]  # the likelihood where there is one: no prior pulls it away from what was seen
    drawn_khw = problem.draw_answers(of.value(answer), condition_kc, about.simulation)
    noise_k = split.table.loc[chosen, _NOISE].to_numpy() if _NOISE in problem.conditions else np.ones(len(chosen))
    table = pd.DataFrame(
        {
            "example": np.repeat(_CHOSEN, len(problem.truths)),
            "row": np.repeat(split.rows[chosen], len(problem.truths)),
            "truth": list(problem.truths) * len(chosen),
            "value": of.truth.ravel(),
            **{name: of.value(name).ravel() for name in of.names},
            **{f"{name}_error": of.error(name).ravel() for name in of.names},
            "log_score": np.repeat(of.log_score, len(problem.truths)),
            "doubted": np.repeat(of.departs, len(problem.truths)),
        }
    )
    return Part(tables={EXAMPLES: table}, plots={EXAMPLES: _plot(image_khw, drawn_khw, noise_k, about, answer)})


def examples_report(table: pd.DataFrame, units: dict[str, str]) -> Report:
    """A row for each example and parameter.

    Args:
        table: `examples` of the part.
        units: of the truths.
    """
    answers = [name.removesuffix("_error") for name in table.columns if name.endswith("_error")]
    rows = []
    for line in table.to_dict("records"):
        unit = units.get(str(line["truth"]), "")
        stated = (f"{significant(line[name], 3)} ± {significant(line[f'{name}_error'], 2)}" for name in answers)
        doubted = "yes" if line["doubted"] else "no"
        named = f"{line['truth']} [{unit}]" if unit else str(line["truth"])
        rows.append((str(line["example"]), named, significant(line["value"], 3), *stated, doubted))
    return Report(title="Examples", columns=("example", "parameter", "truth", *answers, "doubted"), rows=tuple(rows))


def _plot(image_khw: Array, drawn_khw: Array | None, noise_k: Array, about: Gathering, answer: str) -> Figure:
    """A row an example: the image, and where answers can be drawn the answer and what it leaves."""
    unit = next(field.unit for field in about.problem.inputs(about.simulation) if field.name == "image")
    columns = 1 if drawn_khw is None else 3
    figure = Figure(figsize=(3.6 * columns, 3.0 * len(image_khw)), layout="constrained")
    panels_kc = figure.subplots(len(image_khw), columns, squeeze=False)
    for number, (panels, name) in enumerate(zip(panels_kc, _CHOSEN, strict=True)):
        low, high = float(image_khw[number].min()), float(image_khw[number].max())
        shown = [(f"{name}: as seen [{unit or 'counts'}]", image_khw[number], low, high)]
        if drawn_khw is not None:
            left_hw = (image_khw[number] - drawn_khw[number]) / noise_k[number]
            shown += [
                (f"the {answer}, drawn", drawn_khw[number], low, high),
                ("what it leaves / noise", left_hw, -_RESIDUAL, _RESIDUAL),
            ]
        for axes, (title, picture_hw, least, most) in zip(panels, shown, strict=True):
            seen = axes.imshow(picture_hw, cmap="gray", origin="lower", vmin=least, vmax=most)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_title(title, fontsize=10)
            figure.colorbar(seen, ax=axes, shrink=0.8)
    figure.suptitle(f"Best, median and worst by\nthe {POSTERIOR}'s log score, of the test split")
    return figure
