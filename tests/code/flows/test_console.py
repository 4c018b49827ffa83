"""What a person sees: nothing of a table is taken for markup, and a JSON command prints JSON only."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from flows import console
from flows.commands.stages import show_all_versions
from tests.conftest import make_house
from tests.drills.commands import assay_here, environment, refused


def test_units_in_brackets_stay_in_headings_and_cells(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table("t", ("case", "r\n[arcsec]"), [("a", "[b]"), ("a", "c"), ("d", "e")], grouped=True)
    shown = capsys.readouterr().out
    assert "[arcsec]" in shown
    assert "[b]" in shown
    assert [line.split()[0] for line in shown.splitlines() if line.split()].count("a") == 1, "a group is named once"


def test_a_table_is_never_cut_off(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wider than the window is a block a row; files, pipes and `--wide` have each row as a line."""
    names = ("problem", *(f"likelihood.\nrmse_over_crb.\n{name}" for name in ("flux", "half_light_radius", "g1")))
    row = ("galaxy-shape", "1.08", "1.1", "a" * 64)

    def shown(columns: Sequence[str], row: Sequence[str]) -> list[str]:
        console.print_table("", columns, [row])
        return capsys.readouterr().out.splitlines()

    assert len([line for line in shown(names, row) if "galaxy-shape" in line and "a" * 64 in line]) == 1
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(console, "out", Console(highlight=False, soft_wrap=True))
    lines = shown(names, row)
    assert all(len(line) <= 80 for line in lines)
    assert "likelihood.rmse_over_crb.flux" in "".join(lines)
    assert "…" not in "".join(lines)
    assert sum(word.count("a") for word in " ".join(lines).split() if set(word) == {"a"}) == 64
    pair = shown(("what", "value"), ("weights", "b" * 64))
    assert sum(line.count("b") for line in pair) == 64
    name = "likelihood.rmse_over_crb.snr60.half_light_radius"
    assert any(name in line for line in shown(("what", "value"), (name, "b" * 64))), "a value is broken, not its name"
    monkeypatch.setattr(console, "wide", True)
    assert any("galaxy-shape" in line and "a" * 64 in line for line in shown(names, row))


def test_no_word_of_a_table_is_broken_nor_an_error_parted_from_its_sign(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "64")
    monkeypatch.setattr(console, "out", Console(highlight=False, soft_wrap=True))
    names = ("case", "method", "flux", "half_light_radius\n[arcsec]", "g1")
    methods = ("autoencoder of long ago (Yin 2020)", "the likelihood of a model of today alone")
    console.print_table("", names, [("SNR 30", method, *["+0.123 ± 0.100"] * 3) for method in methods], grouped=True)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 64 for line in lines)
    for word in ("half_light_radius", "autoencoder", "likelihood"):
        assert any(word in line.split() for line in lines)
    assert sum(line.count("± 0.100") for line in lines) == 6


@pytest.mark.parametrize("width", [20, 40, 53, 62, 67, 80])
def test_nothing_of_a_table_is_lost_in_however_narrow_a_window(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(console, "out", Console(highlight=False, soft_wrap=True))
    name = "likelihood.rmse_over_crb.snr60.half_light_radius"
    console.print_table("", ("what", "value"), [(name, "q" * 64), ("commit", "q" * 40)])
    row = ("case", "method", *("+0.12 ± 0.1234",) * 4, "1e5 counts")
    console.print_table("", ("case", "method", "flux", "n", "g1", "g2", "unit"), [row])
    console.print_table("", ("rule", "value", "must be", "verdict"), [(name, "1.08", "≥ 0.85", "pass")], dotted=True)
    shown = capsys.readouterr().out
    assert all(len(line) <= width for line in shown.splitlines())
    assert shown.count("q") == 64 + 40
    assert max(len(run) for run in shown.split() if set(run) == {"q"}) >= 16, "a value is not a letter a line"
    for part, count in (("±0.1234", 4), ("counts", 1), ("unit", 1), ("verdict", 1), ("pass", 1)):
        assert "".join(shown.split()).count(part) >= count


def test_rules_stand_under_what_their_names_share_where_a_window_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ("rule", "value", "must be", "verdict")
    names = ("likelihood.rmse_over_crb.snr60.flux", "likelihood.rmse_over_crb.snr60.n", "source")
    verdicts = ("pass", "fail: " + "too much " * 9, "pass")
    rows = [(name, "1.08", "0.85 to 1.25", verdict) for name, verdict in zip(names, verdicts, strict=True)]

    def shown() -> list[str]:
        console.print_table("", columns, rows, dotted=True)
        return capsys.readouterr().out.splitlines()

    assert len([line for line in shown() if names[1] in line and "too much" in line]) == 1
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(console, "out", Console(highlight=False, soft_wrap=True))
    lines = shown()
    assert all(len(line) <= 60 for line in lines)
    heading = lines.index("likelihood.rmse_over_crb.snr60")
    assert lines[heading + 1].split() == ["flux", "1.08", "0.85", "to", "1.25", "pass"]
    assert lines[heading + 2].split()[0] == "n"
    assert " ".join(" ".join(lines[heading + 3 :]).split()).startswith("fail: too much too much")
    assert any(line.split()[0] == "source" for line in lines if line.strip())


def test_only_a_terminal_is_shown_that_something_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal, shown in ((True, True), (False, False)):
        said = io.StringIO()
        monkeypatch.setattr(console, "err", Console(file=said, force_terminal=terminal, _environ={"TERM": "xterm"}))
        with console.waiting("starting [it]"):
            console.err.print("meanwhile")
        assert "meanwhile" in said.getvalue()
        assert ("starting [it]" in said.getvalue()) is shown


def test_versions_of_a_problem_have_its_own_metrics_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(problem: str, version: int, metrics: dict[str, float], override: str | None = None) -> dict[str, Any]:
        return {
            "problem": problem, "version": version, "stage": "staging", "override": override, "metrics": metrics,
            "created": "2026-11-30T15:48:52+00:00", "tags": {},
        }  # fmt: skip

    rows = [row("rings", 1, {"dice.test": 0.7}, "until 2026-12-01"), row("rings", 2, {"dice.test": 0.8, "new": 1.0})]
    rows.append(row("shapes", 1, {"log_score": 4.4}))
    for columns in ("40", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr(console, "out", Console(highlight=False, soft_wrap=True))
        show_all_versions(rows)
        of_rings, of_shapes = capsys.readouterr().out.split("registered versions of ")[1:]
        assert of_rings.startswith("rings")
        assert of_rings.count("–") == 1, "version 1 has not what is new"
        assert "OVERRIDE of version 1 until 2026-12-01" in of_rings
        assert of_shapes.startswith("shapes")
        assert "log_score" in of_shapes
        assert not {"dice", "–"} & set(of_shapes.replace(".", " ").split())


def test_json_commands_print_one_document_and_nothing_else(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    for command in (["models"], ["history", "galaxy-shape"], ["init"], ["retrain", "galaxy-shape", "--check"]):
        done = assay_here(house, *command, "--json")
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["promot"], ("'promot'", "'promote'", "`assay --help`")),
        (["promote", "galaxy-shape"], ("Missing argument 'version'", "`assay promote --help`")),
        (["models", "--jsno"], ("--jsno", "--json", "`assay models --help`")),
        (["serve", "galaxy-shape", "--port", "70000"], ("--port", "65535")),
        (["trace", "galaxy-shape", "first"], ("'version'", "integer")),
    ],
)
def test_wrong_usage_is_told_in_a_line(tmp_path: Path, words: list[str], said: tuple[str, ...]) -> None:
    refused(assay_here(make_house(tmp_path / "house"), *words), *said, status=2)


def test_without_a_command_there_is_help_and_version_names_the_commit(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    done = assay_here(house)
    assert (done.returncode, done.stderr) == (2, "")
    assert "promote" in done.stdout
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=house.root, capture_output=True, text=True, check=True)
    done = assay_here(house, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith(f"assay 0.1.0, commit {commit.stdout[:12]}")


def test_trace_says_what_is_no_prediction(tmp_path: Path) -> None:
    house = make_house(tmp_path / "house")
    refused(assay_here(house, "trace", "not-an-id"), "'not-an-id' is no prediction id")
    refused(assay_here(house, "trace", "galaxy-shape", "4"), "galaxy-shape", "4")


def test_every_command_sets_the_environment_before_it_imports_a_library(tmp_path: Path) -> None:
    """On a terminal Prefect tells of its telemetry at import unless it is off, and reads where its home is."""
    house = make_house(tmp_path / "house")
    script = [sys.executable, "-m", "assay", "train", "galaxy-shape"]
    parent, child = pty.openpty()
    done = subprocess.run(
        script, cwd=house.root, env=environment(house), stdin=child, stdout=child, stderr=child, check=False
    )
    os.close(child)
    shown = os.read(parent, 100_000).decode()
    os.close(parent)
    assert done.returncode == 1
    assert "no dataset" in shown
    assert "usage data" not in shown
    assert not list((tmp_path / "user").rglob("*"))
