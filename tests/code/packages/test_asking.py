"""Arrays are asked about by one server of one version, which may be busy; bad images are told from bad servers."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from safetensors.numpy import load

from components.core.errors import AssayError
from components.fields.tables import read_table
from components.packages.asking import ask
from components.packages.serving import RefusedRequestError
from flows.answering_files import answer_files
from models.fields import Field
from services.answering import Answers
from services.replies import WRITERS, About

INPUTS = (Field(name="image", shape=(2, 2)), Field(name="sigma", unit="counts", estimated=True))
OUTPUTS = (Field(name="total", unit="counts"),)
Said = tuple[int, bytes]


@contextmanager
def server(says: Sequence[Said | int]) -> Iterator[str]:
    """One that answers with the sum of each image as one version or another, or says what it is told to."""
    left = list(says)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = load(self.rfile.read(int(self.headers["Content-Length"])))
            image = sent["image"]
            said = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(said, int):
                answers = Answers(
                    outputs={"total": image.sum((1, 2))},
                    doubts=[[]] * len(image),
                    not_tested=[],
                    estimated={} if "sigma" in sent else {"sigma": image.std((1, 2))},
                )
                about = About(model={"problem": "toys", "version": said}, outputs=OUTPUTS, inputs=INPUTS)
                said = (200, WRITERS["application/x-safetensors"](answers, ["id"] * len(image), about))
            self.send_response(said[0])
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(said[1])))
            self.end_headers()
            self.wfile.write(said[1])

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def inputs(count: int) -> dict[str, np.ndarray[Any, Any]]:
    return {"image": np.arange(4.0 * count, dtype=np.float32).reshape(count, 2, 2)}


def test_answers_come_back_as_numbers_with_what_is_said_of_them() -> None:
    with server([3]) as url:
        said = ask(url, inputs(3))
    assert np.array_equal(said.outputs["total"], inputs(3)["image"].sum((1, 2)))
    assert (said.model["version"], said.fits_unit("total"), len(said.ids)) == (3, "count", 3)


def test_a_server_that_is_busy_is_asked_again() -> None:
    with server([(429, b'{"error": "wait"}'), (429, b'{"error": "wait"}'), 3]) as url:
        assert ask(url, inputs(1)).model["version"] == 3


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ((400, b'{"error": "images[0].image is bad"}'), True),
        ((503, b'{"error": "no server answers"}'), False),
        ((500, b"Internal Server Error"), False),
        ((200, b"nothing of use"), False),
    ],
)
def test_only_what_is_wrong_with_the_images_is_a_refusal_of_them(said: Said, refused: bool) -> None:
    with server([said]) as url, pytest.raises(AssayError) as caught:
        ask(url, inputs(1))
    assert isinstance(caught.value, RefusedRequestError) is refused


def read(_: Path) -> dict[str, Any]:
    return {"image": np.ones((2, 2), dtype=np.float32)}


def test_a_table_is_of_one_version() -> None:
    files = [Path(f"{number}.npy") for number in range(65)]
    with server([3, 4]) as url, pytest.raises(AssayError, match="changed from version 3 to 4 midway: repeat"):
        answer_files(url, files, read, shown="")
    with server([3]) as url:
        assert len(answer_files(url, files, read, shown="").rows) == 65


def test_the_file_that_is_named_is_left_out_and_the_others_are_asked_about_again() -> None:
    files = [Path(f"{number}.npy") for number in range(3)]
    with server([(400, b'{"error": "images[1].image[0][0] is nan"}'), 3]) as url:
        table = answer_files(url, files, read, shown="")
    assert list(table.rows) == [files[0], files[2]]
    assert table.refused == {files[1]: "1.npy.image[0][0] is nan"}


@pytest.mark.parametrize("suffix", [".fits", ".parquet", ".csv"])
def test_a_table_has_what_was_estimated_of_the_files_of_which_it_was(suffix: str, tmp_path: Path) -> None:
    files = [Path(f"{number}.npy") for number in range(3)]

    def stated_of_the_last(file: Path) -> dict[str, Any]:
        image = np.float32([[0, 1], [2, 3]])  # type: ignore[arg-type]
        return {"image": image, **({"sigma": np.float32(5)} if file == files[2] else {})}

    with server([3]) as url:
        table = answer_files(url, files, stated_of_the_last, shown="")
        stated = answer_files(url, files[2:], stated_of_the_last, shown="")
    table.write(tmp_path / f"all{suffix}", beside={files[0]: {"estimated_sigma": 7.0}})
    found = read_table(tmp_path / f"all{suffix}")
    expected = np.float32([1.118034, 1.118034, np.nan])  # type: ignore[arg-type]
    values = [float("nan") if value == "" else float(value) for value in found["estimated_sigma"]]
    assert np.allclose(values, expected, equal_nan=True)
    if suffix == ".fits":
        assert str(Table.read(tmp_path / "all.fits")["estimated_sigma"].unit) == "ct"
    stated.write(tmp_path / f"stated{suffix}", beside={})
    assert "estimated_sigma" not in read_table(tmp_path / f"stated{suffix}")
