"""What the model card says of real objects."""

from collections.abc import Mapping

import pandas as pd

from components.evidence.numbers.parts import Part
from components.fields import Metric, Report, Section

__label__ = None


def real_section(whole: Part) -> Section:
    """The model's answers to real images held against each other, and against other programs.

    Args:
        whole: of an evaluation that has measured some.
    """
    metrics, real = whole.metrics, whole.tables["real"]
    text = (
        f"{real['image'].nunique()} images whose truth nobody knows, of which the in-domain test refuses "
        f"{metrics['flagged.real'].said('.1%')}. The others are answered under two realisations of the noise; the pull "
        "is the difference in units of both errors, 1 where these are right."
    )
    tables, pictures = [_against_itself(metrics, real)], []
    if "real-galaxies" in whole.tables:
        table = whole.tables["real-galaxies"]
        tools = " and ".join(table["tool"].unique())
        text += (
            f" {tools} measure other realisations, and the answers drawn: a program and an answer disagree where its "
            "two numbers differ by more than both errors allow for as many comparisons as there are. Where nothing is "
            "wrong, an answer has one disagreement or more in one evaluation of twenty."
        )
        tables.append(_against_tools(metrics, table))
        caption = f"Real images as {tools} measure them, against the model's answers drawn; bars are joint errors."
        pictures.append(("real-galaxies", caption))
    return Section(title="On real images", text=text, tables=tuple(tables), pictures=tuple(pictures))


def _against_itself(metrics: Mapping[str, Metric], real: pd.DataFrame) -> Report:
    truths = real["truth"].unique()
    rows = [
        (answer, *(_said(metrics, f"{answer}.pull.real.{truth}") for truth in truths))
        for answer in real["answer"].unique()
    ]
    return Report(title="RMS pull of two realisations", columns=("answer", *truths), rows=tuple(rows))


def _against_tools(metrics: Mapping[str, Metric], table: pd.DataFrame) -> Report:
    """For each answer and quantity: how often it disagrees, among refused images too, and the pulls."""
    rows = []
    for (answer, quantity), here in table.groupby(["answer", "quantity"], sort=False):
        refused = here[here["flagged"] & here["chance"].notna()]
        share, pull, mean = (
            _said(metrics, f"{answer}.{of}.real.{quantity}", form)
            for of, form in (("disagree", ".1%"), ("pull", ".3g"), ("mean_pull", "+.2f"))
        )
        rows.append((str(answer), str(quantity), share, f"{refused['disagrees'].sum()} of {len(refused)}", pull, mean))
    columns = ("answer", "quantity", "disagree", "disagree, of those refused", "RMS pull", "mean pull")
    return Report(title="Against other programs", columns=columns, rows=tuple(rows))


def _said(metrics: Mapping[str, Metric], name: str, form: str = ".3g") -> str:
    return metrics[name].said(form) if name in metrics else ""
