"""Whom `assay predict` asks: a server that runs already, or one for this command; and what its model takes.

with answering(deployed_now("galaxy-shape", "production"), None) as (address, token):
wanted = wanted_by(address, token, "galaxy-shape", {"sigma": 200.0})
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assay.client import bearer
from components.core import AssayError, secret
from flows import console
from flows.reading_files import Wanted

if TYPE_CHECKING:
    from components.core import Workspace
    from components.lifecycle import Deployed


@contextmanager
def answering(found: "tuple[Workspace, Deployed] | None", url: str | None) -> Iterator[tuple[str, str | None]]:
    """Who is asked, by what token: a server that runs already, or one for this command, which asks for none.

    Args:
        found: what is to be served, as `deployed_now` finds it; nothing where a server runs.
        url: of that server.

    Raises:
        AssayError: as `served`.
    """
    from components.packages import served

    if found is None:
        assert url is not None
        yield url.rstrip("/"), secret("ASSAY_TOKEN")
        return
    workspace, now = found
    if now.unwitnessed:
        console.err.print(now.unwitnessed, markup=False)
    with served(workspace, now.package, environment=now.variables, alone=True) as started:
        yield started, None


def wanted_by(address: str, token: str | None, problem: str, given: Mapping[str, Any]) -> Wanted:
    """What the model at an address takes.

    Args:
        address: of a server.
        token: of who asks, where it wants one.
        problem: what is asked about.
        given: what is said of all images, by name.

    Raises:
        AssayError: when nothing useful answers, or the model is another problem's, or does not take what is given.
    """
    from components.packages import model_of

    model = model_of(address, headers=bearer(token))
    if model["problem"] != problem:
        raise AssayError(f"{address} answers for {model['problem']}, not {problem}: name that problem or another --url")
    wanted: Wanted = model["inputs"]
    names = [field["name"] for field in wanted if field["name"] != "image"]
    for name in given:
        if name not in names:
            takes = f"takes {', '.join(names)} beside an image" if names else "takes nothing beside an image"
            raise AssayError(f"--set {name}: the model {takes}")
    return wanted
