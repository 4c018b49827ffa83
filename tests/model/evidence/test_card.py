"""A card says where the pictures behind a model come from, under which terms, and which could not be read."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from components.evidence.card import write_card
from components.evidence.keeping import write_folder
from components.evidence.numbers.card_tables import errors_table
from components.evidence.numbers.yardsticks import BOUND
from components.fields.dataset import Dataset
from components.fields.evaluation import Metric
from components.fields.use import Use

DESCRIPTION: dict[str, Any] = {
    "problem": "own-pictures",
    "weights_sha256": "0" * 64,
    "git": {"commit": "1" * 40, "dirty": False},
    "inputs": {"training": {"settings": {"network": "cnn", "width": 8}}},
    "history": [],
    "fingerprint": "f",
}


def test_licences_credits_and_what_was_skipped_are_on_the_card(tmp_path: Path) -> None:
    write_folder(tmp_path / "evaluation", plots={}, tables={}, sections=())
    material = {
        "pictures": 58,
        "skipped": {"g003": "cannot be read <here>"},
        "licences": {"CC BY 4.0": 58},
        "credits": {"ada": 58},
    }
    dataset = Dataset(folder=tmp_path, manifest={"settings": {"path": "mine"}, "material": material})
    page = write_card(
        tmp_path / "evaluation",
        DESCRIPTION,
        dataset,
        use=Use(intended="Pictures.", out_of_scope=("<x-rays>",)),
        summary="",
        confirmed_on="the split",
        hardware="a slow machine",
        honesty=None,
    ).read_text(encoding="utf-8")
    for row in ('read, licences: CC BY 4.0</td><td class="text">58', "read, credits: ada", "read, pictures"):
        assert row in page
    assert "<li>&lt;x-rays&gt;</li>" in page
    assert "No rules were asked yet" in page
    assert "a slow machine" in page
    assert 'g003</td><td class="text">cannot be read &lt;here&gt;' in page


def test_a_title_stays_within_a_narrow_figure_and_above_its_panels(tmp_path: Path) -> None:
    figure = Figure(figsize=(3.6, 4.0), layout="constrained")
    panel = figure.subplots()
    panel.set_title("best: as seen [counts]")
    figure.suptitle("Best, median and worst by the posterior's log score, of the test split")
    write_folder(tmp_path / "evaluation", plots={"examples": figure}, tables={}, sections=())
    title, below = figure.texts[0].get_window_extent(), panel.title.get_window_extent()
    assert title.x0 >= 0
    assert title.x1 <= figure.bbox.width
    assert title.y0 >= below.y1
    assert title.y1 <= figure.bbox.height


def test_the_table_of_errors_has_no_column_that_nothing_was_measured_for() -> None:
    metric = Metric(value=1.0, low=0.9, high=1.1)
    metrics = {f"posterior.{of}_over_crb.test.flux": metric for of in ("bias", "rmse", "stated")}
    table = errors_table(metrics, ["flux"], ["posterior"], BOUND)
    assert table.columns == ("answer", "of", "bias / bound", "RMSE / bound", "stated / bound")
    table = errors_table(metrics | {"posterior.rmse_over_exact.flux": metric}, ["flux"], ["posterior"], BOUND)
    assert table.columns[-1] == "RMSE / exact"
    assert table.rows[0][-1] == metric.said()
