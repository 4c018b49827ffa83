"""Records of answers: what went in comes out, a folder never has too much, and nobody fails because of them."""

import os
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import median_abs_deviation

from models.fields import Field
from services import records
from services.answering import Answers, Asked
from services.record_rows import Answered, answered, recorded_outputs, rows, spread
from services.records import Records

INPUTS = (
    Field(name="image", shape=(3, 9, 8)),
    Field(name="width", unit="arcsec"),
    Field(name="kernel", shape=(9, 9), optional=True),
    Field(name="offset", optional=True),
    Field(name="axes", shape=(2,), optional=True),
)
OUTPUTS = (
    Field(name="value", unit="counts"),
    Field(name="correlation", shape=(2, 2)),
    Field(name="restored", shape=(9, 9)),
    Field(name="kind", dtype="int64", labels=("spiral", "smooth")),
    Field(name="count", dtype="int64"),
)
RECORDED = recorded_outputs(OUTPUTS)
MODEL: dict[str, Any] = {"problem": "toys", "version": 3, "package": "toys:v3-00"}
RANDOM = np.random.default_rng(0)


def asked(images: int, *optional: str) -> Asked:
    """A request with what is optional as it says."""
    named = [one for one in INPUTS if not one.optional or one.name in optional]
    return Asked(inputs={one.name: RANDOM.normal(size=(images, *one.shape)).astype("float32") for one in named})


def answers(images: int, doubts: list[list[str]] | None = None) -> Answers:
    outputs: dict[str, Any] = {one.name: RANDOM.normal(size=(images, *one.shape)).astype("float32") for one in OUTPUTS}
    outputs["kind"] = RANDOM.integers(0, 2, images)
    outputs["count"] = RANDOM.integers(-9, 9, images)
    return Answers(outputs=outputs, doubts=doubts or [[] for _ in range(images)], not_tested=[])


def opened(folder: Path, *, most_bytes: int = 2**30, left_out: Callable[[int], None] = lambda _: None) -> Records:
    return Records(folder, most_bytes=most_bytes, model=MODEL, inputs=INPUTS, outputs=OUTPUTS, left_out=left_out)


def ids(images: int, first: int = 0) -> list[str]:
    return [f"toys.3.{number}" for number in range(first, first + images)]


def recorded(folder: Path, *requests: tuple[Asked, Answers, list[str]]) -> pd.DataFrame:
    of_one = opened(folder)
    for request in requests:
        of_one.add(*request)
    of_one.end()
    return pd.read_parquet(folder)


REQUESTS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.sets(st.sampled_from([one.name for one in INPUTS if one.optional])),
        st.lists(st.text(st.characters(codec="utf-8"), max_size=9), max_size=2),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=50, deadline=None)
@given(REQUESTS)
def test_what_was_asked_and_answered_is_what_is_read(requests: list[tuple[int, set[str], list[str]]]) -> None:
    done = []
    for number, (images, optional, doubts) in enumerate(requests):
        said = answers(images, [doubts] * images)
        done.append(
            Answered(
                at_us=1_700_000_000_000_000 + number,
                ids=ids(images, 10 * number),
                inputs=asked(images, *optional).inputs,
                outputs=said.outputs,
                doubts=said.doubts,
            )
        )
    table = rows(done, MODEL, INPUTS, RECORDED)
    found = iter(table.to_pylist())
    for request in done:
        for index, name in enumerate(request.ids):
            row = next(found)
            assert row["id"] == name
            assert row["time"].timestamp() == pytest.approx(request.at_us / 1e6, abs=1e-6)
            assert (row["version"], row["package"]) == (3, "toys:v3-00")
            assert (row["doubts"], row["in_tested_range"]) == (request.doubts[index], not request.doubts[index])
            assert row["kind"] == ("spiral", "smooth")[int(request.outputs["kind"][index])]
            for of in ("value", "correlation", "count"):
                assert np.array_equal(row[of], request.outputs[of][index].reshape(-1).squeeze())
            for of in ("width", "offset", "axes"):
                assert same(row[of], request.inputs, of, index)
            assert (row["kernel_border_median"] is None) == ("kernel" not in request.inputs)
            assert len(row["image_border_deviation"]) == 3
    assert next(found, None) is None
    assert table.schema == rows(done[:1], MODEL, INPUTS, RECORDED).schema, "of whatever was asked"


def same(value: Any, inputs: Mapping[str, Any], name: str, index: int) -> bool:
    return np.array_equal(value, inputs[name][index]) if name in inputs else value is None


def test_a_row_has_no_pixels_and_no_maps(tmp_path: Path) -> None:
    table = recorded(tmp_path, (asked(2), answers(2), ids(2)))
    borders = [f"{name}_border_{of}" for name in ("image", "kernel") for of in ("median", "deviation")]
    said = ["value", "correlation", "kind", "count", "width", "offset", "axes"]
    always = ["id", "time", "version", "package", "in_tested_range", "doubts"]
    assert sorted(table.columns) == sorted([*borders, *said, *always])
    assert "restored" not in answered({}, answers(2), ids(2), RECORDED).outputs, "nor is one held until it is written"


def test_the_border_of_an_image_says_its_sky_and_its_noise_whatever_is_in_the_middle() -> None:
    image = RANDOM.normal(5.0, 2.0, size=(1, 3, 100, 100)).astype("float32")
    image[:, :, 3:-3, 3:-3] += 1e6
    image[:, :, 0, 0] = 1e6  # a hot pixel
    image[:, 2] += 100
    of = Field(name="image", shape=(3, 100, 100))
    request = Answered(at_us=0, ids=["a"], inputs={"image": image}, outputs={}, doubts=[[]])
    (row,) = rows([request], MODEL, [of], []).to_pylist()
    np.testing.assert_allclose(row["image_border_median"], [5, 5, 105], atol=0.3)
    np.testing.assert_allclose(row["image_border_deviation"], 2, atol=0.3)


PIXELS = st.floats(-(2.0**20), 2.0**20, width=32, allow_subnormal=False)


@given(arrays(np.float32, st.tuples(st.integers(0, 3), st.integers(1, 9)), elements=PIXELS))
def test_median_and_deviation_are_those_of_others(pixels: np.ndarray[Any, Any]) -> None:
    median, deviation = spread(pixels)
    np.testing.assert_allclose(median, np.median(pixels, axis=-1), rtol=1e-6, atol=1e-6)
    if len(pixels):
        others = median_abs_deviation(pixels.astype(np.float64), axis=-1, scale="normal")
        np.testing.assert_allclose(deviation, others, rtol=1e-4, atol=0.1)


def test_files_are_whole_their_owners_alone_and_named_by_time_and_version(tmp_path: Path) -> None:
    folder = tmp_path / "records" / "toys"
    for number in range(3):
        recorded(folder, (asked(2), answers(2), ids(2, 2 * number)))
    files = sorted(folder.iterdir())
    assert len(files) == 3
    assert all("-v3-" in file.name and file.suffix == ".parquet" for file in files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [list(pd.read_parquet(file)["id"]) for file in files] == [ids(2, first) for first in (0, 2, 4)]


def test_a_file_that_is_being_written_is_not_there_for_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path, (asked(2), answers(2), ids(2)))
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(list(pd.read_parquet(tmp_path)["id"])))
    assert list(recorded(tmp_path, (asked(2), answers(2), ids(2, 2)))["id"]) == ids(4)
    assert seen == [ids(2)]


def test_what_is_half_written_is_not_read_and_processes_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / ".20260101T000000.000000Z-v3-00000000.parquet.partial").write_bytes(b"PAR1")
    others = [opened(tmp_path) for _ in range(4)]
    for number, one in enumerate(others):
        one.add(asked(3), answers(3), ids(3, 3 * number))
    for one in others:
        one.end()
    assert sorted(pd.read_parquet(tmp_path)["id"]) == sorted(ids(12))
    assert len(list(tmp_path.glob("*.parquet"))) == 4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=8), st.integers(20_000, 200_000))
def test_a_folder_never_has_more_than_its_cap_and_the_newest_stays(
    tmp_path_factory: pytest.TempPathFactory, files: list[int], most_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("records")
    (folder / ".20200101T000000.000000Z-v1-00000000.parquet.partial").write_bytes(b"\0" * 10_000)  # of a killed one
    others = folder / ".20990101T000000.000000Z-v1-00000000.parquet.partial"  # of one that writes it now
    others.write_bytes(b"\0" * 1000)
    (folder / "notes.txt").write_text("mine" * 10_000)
    written = []
    for number, images in enumerate(files):
        one = opened(folder, most_bytes=most_bytes)
        one.add(asked(images), answers(images), ids(images, 1000 * number))
        one.end()
        left = {file: file.stat().st_size for file in folder.iterdir() if file.name != "notes.txt"}
        newest = max(folder.glob("*.parquet"))
        written.append(newest)
        assert sum(left.values()) <= max(most_bytes, left[newest])
        assert others in left or list(folder.glob("*.parquet")) == [newest]
        assert pd.read_parquet(newest)["id"].tolist() == ids(images, 1000 * number)
        whole = [file for file in written if file in left]
        assert whole == written[-len(whole) :], "the oldest go first"
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize("name", ["_FILE_ROWS", "_FILE_S"])
@pytest.mark.parametrize(("look_images", "look_s"), [(5, 3600.0), (100, 0.01)])
def test_a_file_is_written_when_there_are_many_rows_or_the_first_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, look_images: int, look_s: float
) -> None:
    monkeypatch.setattr(records, "_LOOK_S", look_s)
    monkeypatch.setattr(records, "_LOOK_IMAGES", look_images)
    monkeypatch.setattr(records, name, {"_FILE_ROWS": 5, "_FILE_S": 0.0}[name])
    one = opened(tmp_path)
    one.add(asked(5), answers(5), ids(5))
    until(lambda: any(tmp_path.glob("*.parquet")))
    assert pd.read_parquet(tmp_path)["id"].tolist() == ids(5)
    one.end()
    assert len(list(tmp_path.iterdir())) == 1, "and once"


def test_what_does_not_fit_is_counted_and_what_is_large_waits_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_HELD_BYTES", 2 * asked(4).inputs["image"].nbytes)
    monkeypatch.setattr(records, "_LOOK_S", 60)
    lost: list[int] = []
    one = opened(tmp_path, left_out=lost.append)
    one.add(asked(20), answers(20), ids(20))
    one.add(asked(4), answers(4), ids(4, 20))
    one.end()
    assert lost == [4]
    assert pd.read_parquet(tmp_path)["id"].tolist() == ids(20)


def test_a_folder_that_cannot_be_written_is_said_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(records, "_LOOK_S", 0.01)
    monkeypatch.setattr(records, "_FILE_ROWS", 1)
    folder, lost = tmp_path / "records", list[int]()
    folder.write_text("a file")
    one = opened(folder, left_out=lost.append)
    one.add(asked(3), answers(3), ids(3))
    until(lambda: lost == [3])
    one.add(asked(3), answers(3), ids(3))
    until(lambda: lost == [3, 3])
    folder.unlink()
    one.add(asked(2), answers(2), ids(2))
    until(lambda: any(folder.glob("*.parquet")))
    assert pd.read_parquet(folder)["id"].tolist() == ids(2), "as soon as it can be"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"3 answers were not recorded in {folder}: [Errno 17] File exists")
    one.add(asked(1), answers(1, [[5]]), ids(1))  # type: ignore[list-item]
    one.end()
    assert lost == [3, 3, 1]
    assert len(capsys.readouterr().err.splitlines()) == 1, "of another time"


def until(seen: Callable[[], bool]) -> None:
    """Wait for another thread."""
    deadline = time.monotonic() + 60
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)
