"""Our pages in a browser without a network: nothing is asked for elsewhere, nothing is missing, wide, or cut off.

The browser is Debian's Chromium, which `tests/chromium.sh` installs.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from components.core.workspace import Workspace
from components.data.report import reports_folder
from components.data.validation import validate
from components.packages.files import Package
from components.packages.serving import served
from tests.browser import Browser, Page, chromium, missing
from tests.data.test_validation_refuses import PROBLEM, SETTINGS, draw, no_test_split, write
from tests.drills.commands import assay_here
from tests.drills.houses import NAME

pytestmark = [pytest.mark.slow, pytest.mark.ci, pytest.mark.skipif(bool(missing()), reason=missing())]

WINDOWS = (390, 700, 1400)
PAPERS_MM = (210, 215.9)
"""A4 and Letter are so wide."""
BAD = """<!doctype html><title>bad</title><link rel="icon" href="data:,">
<img src="http://192.0.2.1/counted.png"><script src="https://example.org/counts.js"></script>
<p style="width: 2000px">wide</p>"""
PATIENCE_S = 60


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


def faults(browser: Browser, url: str) -> list[str]:
    """Of a page, in each window and on paper."""
    found = []
    for width in WINDOWS:
        with browser.open(url, width=width) as page:
            assert page.value("document.body.innerText.length") > 100, f"{url} shows nothing"
            found += [f"in {width} px: {fault}" for fault in page.faults()]
    with browser.open(url, width=WINDOWS[-1]) as page:
        for paper in PAPERS_MM:
            found += [f"on {paper} mm: {fault} is cut off" for fault in page.cut_off(paper)]
    return found


def test_what_a_page_must_not_do_is_found(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    with browser.open((tmp_path / "bad.html").as_uri(), width=700) as page:
        found = page.faults()
        assert "asks http://192.0.2.1/counted.png" in found
        assert "asks https://example.org/counts.js" in found
        assert any("ERR_NAME_NOT_RESOLVED" in fault for fault in found)
        assert any(fault.endswith("px wide in 700") for fault in found)
        assert "a picture has no words" in found
        assert page.cut_off(PAPERS_MM[0]) == ["P wide"]


@pytest.mark.house("promoted")
def test_the_card_is_whole_in_every_window_and_on_paper(browser: Browser, house: Workspace, tmp_path: Path) -> None:
    done = assay_here(house, "card", NAME, "1", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    url = (tmp_path / "card.html").as_uri()
    assert faults(browser, url) == []
    with browser.open(url, width=WINDOWS[0]) as page:
        assert page.value("document.images.length") > 10
        assert page.value("[...document.images].every(image => image.naturalWidth > 0)")


def test_the_reports_on_data_are(browser: Browser, workspace: Workspace, tmp_path: Path) -> None:
    for name, change in (("sound", None), ("damaged", no_test_split)):
        drawn = draw() if change is None else change(*draw())
        report = validate(workspace, PROBLEM, write(tmp_path / name, *drawn), SETTINGS).docs
        assert faults(browser, report.as_uri()) == []
    index = reports_folder(workspace.home) / "index.html"
    assert faults(browser, index.as_uri()) == []
    with browser.open(index.as_uri(), width=WINDOWS[0]) as page:
        links = page.value("[...document.links].map(link => link.href)")
    assert links[0] == report.as_uri()
    assert len(links) == 2


def test_the_page_of_a_service_is_and_its_examples_are_answered(
    browser: Browser, built: tuple[Workspace, Package]
) -> None:
    with served(*built) as url:
        assert faults(browser, f"{url}/") == []
        with browser.open(f"{url}/", width=WINDOWS[0]) as page:
            assert "In the tested range" in asked(page, "example.json")
            assert "Not to be trusted: sigma 700 is outside of 100 to 400" in asked(page, "doubtful.json")
            page.value("document.querySelector('[data-field=sigma]').value = -1")
            assert "sigma is -1: must be above 0" in asked(page)
            page.rest()
            assert [fault for fault in page.faults() if "400" not in fault] == []
            for link in page.value("[...document.links].map(link => link.href)"):
                assert httpx.get(link, trust_env=False).status_code == 200, link


def asked(page: Page, example: str = "") -> str:
    """What the form answers, to another example first if one is named."""
    if example:
        page.value(f"document.getElementById('example').value = '{example}'; load()")
    page.value("document.getElementById('answer').replaceChildren(); document.getElementById('ask').click()")
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if said := str(page.value("document.getElementById('answer').textContent")):
            return said
        time.sleep(0.05)
    raise AssertionError(f"{page.url} gave no answer")
