"""A service under load, as a process of its own: many ask at once, too many are told so, and nobody gets a 5xx.

What is answered is recorded where somebody says a folder.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil
import pytest
from safetensors.numpy import load, save

from assay.client import Client
from components.core.settings import ServeSettings
from components.core.workspace import Workspace
from components.packages.files import Package
from components.packages.golden import request_items
from components.packages.serving import request, served
from services.records import NOT_RECORDED
from tests.drills.packages import golden_inputs

ONE = {name: array[:1].numpy() for name, array in golden_inputs().items()}
BINARY = {"Content-Type": "application/x-safetensors", "Accept": "application/x-safetensors"}


def ask(url: str, inputs: Mapping[str, Any]) -> httpx.Response:
    return httpx.post(f"{url}/predict", content=save(dict(inputs)), headers=BINARY, timeout=60, trust_env=False)


def measured(url: str, name: str) -> float:
    (found,) = re.findall(rf"^{name} (\S+)$", httpx.get(f"{url}/metrics", trust_env=False).text, flags=re.MULTILINE)
    return float(found)


def test_what_arrives_together_is_answered_together_and_each_gets_its_own(built: tuple[Workspace, Package]) -> None:
    workspace, package = built
    louder = [{**ONE, "image": ONE["image"] * np.float32(1 + 0.1 * number)} for number in range(16)]
    with served(workspace, package) as url:
        alone = [load(ask(url, inputs).content)["posterior_flux"][0] for inputs in louder]
        batches = measured(url, "assay_batch_images_count")
        assert batches == 16
        with ThreadPoolExecutor(16) as many:
            answers = list(many.map(lambda number: ask(url, louder[number % 16]), range(160)))
        assert {answer.status_code for answer in answers} == {200}
        found = [load(answer.content)["posterior_flux"][0] for answer in answers]
        np.testing.assert_allclose(found, alone * 10, rtol=1e-3)
        assert len(set(alone)) == 16
        assert measured(url, "assay_batch_images_sum") == 176
        assert measured(url, "assay_batch_images_count") - batches < 130
        stack = np.concatenate([inputs["image"] for inputs in louder])
        with Client(url) as client:
            said = client.predict(stack, **{name: array[0] for name, array in ONE.items() if name != "image"})
        np.testing.assert_allclose(said["posterior_flux"], alone, rtol=1e-3)
        assert (len(said.ids), said.model["problem"]) == (16, package.tag.partition(":")[0])
        assert httpx.get(f"{url}/livez", trust_env=False).status_code == 200


def test_who_comes_when_too_many_wait_gets_429_and_when_to_come_back(built: tuple[Workspace, Package]) -> None:
    workspace, package = built
    many_images = {name: np.repeat(array, 64, axis=0) for name, array in ONE.items()}
    with served(workspace, package, limits=ServeSettings(queue_images=64, batch_images=64)) as url:
        with ThreadPoolExecutor(12) as many:
            answers = list(many.map(lambda _: ask(url, many_images), range(48)))
        status = Counter(answer.status_code for answer in answers)
        assert set(status) == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert int(answer.headers["Retry-After"]) >= 1
                assert re.match(r"\d+ images wait to be answered: ask again in \d+ s$", answer.json()["error"])
        assert ask(url, ONE).status_code == 200


@pytest.mark.parametrize(
    ("limits", "inputs", "line"),
    [
        (ServeSettings(request_images=64), 65, "the body has 65 images: must be 1 to 64"),
        (ServeSettings(body_mib=16), 1100, "Content-Length is"),
    ],
)
def test_a_server_takes_on_what_its_settings_say(
    built: tuple[Workspace, Package], limits: ServeSettings, inputs: int, line: str
) -> None:
    workspace, package = built
    with served(workspace, package, limits=limits) as url:
        answer = ask(url, {name: np.repeat(array, inputs, axis=0) for name, array in ONE.items()})
    assert answer.status_code in (400, 413)
    assert answer.json()["error"].startswith(line)


def test_what_is_answered_is_recorded_without_pixels_where_somebody_says_a_folder(
    built: tuple[Workspace, Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, package = built
    inputs = {name: array.numpy() for name, array in golden_inputs().items()}
    monkeypatch.setenv(
        "ASSAY_RECORDS", str(tmp_path / "of the account")
    )  # which a proof, or one prediction, is not for
    with served(workspace, package) as url:
        request(url, request_items(inputs))
    assert list(tmp_path.iterdir()) == []
    with served(workspace, package, records=tmp_path / "records") as url:
        said = request(url, request_items(inputs))["predictions"]
        request(url, request_items(inputs), headers={NOT_RECORDED: "no"})
        answered = ask(url, inputs).content
        assert measured(url, "assay_records_left_out_total") == 0
    table = pd.read_parquet(tmp_path / "records")
    length = int.from_bytes(answered[:8], "little")
    others = json.loads(json.loads(answered[8 : 8 + length])["__metadata__"]["id"])
    assert table["id"].tolist() == [one["id"] for one in said] + others
    assert table["posterior_flux"].tolist()[:4] == pytest.approx([one["answer"]["posterior_flux"] for one in said])
    assert [list(lines) for lines in table["doubts"]][:4] == [one["doubts"] for one in said]
    assert table["sigma"].tolist() == [*inputs["sigma"], *inputs["sigma"]]
    assert table["image_border_deviation"].tolist()[:4] == pytest.approx(inputs["sigma"], rel=0.2)
    assert set(table["package"]) == {package.tag}
    assert (table["time"].max() - table["time"].min()).total_seconds() < 60


def test_a_server_that_is_killed_leaves_whole_files(built: tuple[Workspace, Package], tmp_path: Path) -> None:
    workspace, package = built
    many_images = {name: np.repeat(array, 256, axis=0) for name, array in ONE.items()}
    limits, folder = ServeSettings(records_mib=1), tmp_path / "records"
    with served(workspace, package, limits=limits, records=folder) as url:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*.parquet"))) < 2:
            assert ask(url, many_images).status_code == 200
            assert time.monotonic() < deadline
        for process in psutil.Process().children(recursive=True):
            process.kill()
    table = pd.read_parquet(folder)
    assert len(table) >= 512
    assert table["id"].is_unique
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 2**20
