"""What every package says when it is asked: named arrays in, named arrays out, for any problem.

    POST /predict, GET /model, /, /docs.json            # served by `service.py`; for one command, by `alone.py`

It stands in a package beside `models/` (the networks) and `model/` (weights, description and manifest), and knows of
the problem only the fields of its manifest. `/predict` takes JSON, and arrays as they are (`bodies.py`); it answers in
JSON, or as `Accept` asks (`replies.py`). For galaxies, say:

    {"images": [{"image": [[…]], "sigma": 200.0, "psf_fwhm": 0.5}, …]}
    {"predictions": [{"id": …, "answer": {"posterior_flux": …, "posterior_flux_error": …,
                      "posterior_flux_interval68": […, …], …, "posterior_effective": …, "likelihood_flux": …, …,
                      "likelihood_edge": "no", "quote": "likelihood"}, "in_tested_range": true, "doubts": [],
                      "not_tested": ["psf_fwhm", …]}, …],
     "units": {"posterior_flux": "1e5 counts", …}, "labels": {"sensitivity_sky": ["flux", …], …}, "model": {…}}

`<name>_error` is the root mean square error of `<name>`, its intervals hold the truth with 68 and 95 %. An answer is
in the tested range when its image is like those that the model was measured to be reliable on, as far as one image can
show: `doubts` says what departs, and by how much, `not_tested` what is taken for granted, and `sensitivity_<what>` by
how many bounds values move when it is not as stated. The posterior has the least error
of single objects and leans on the prior; the likelihood claims to be unbiased, as averages over many objects want it;
`quote` says which of them to quote of this one. With `"samples": 100` beside `images`, each prediction has as many
joint draws from the posterior, by the names of its outputs. An input whose field says `estimated` may be left out: it
is then estimated from the image, and each prediction has what was found, `"estimated": {"sigma": 203.1}`. `/model` says
which model answers, and its inputs and outputs with shapes, units and limits; `/` is a page for a browser (`page.py`).

A request that it cannot answer well gets status 400 and `{"error": "one line"}`; who may not ask (`callers.py`) 401 or
421; what it does not read at all (`admission.py`) 403, 408, 413 or 415; what is asked for in a type that it does not
write 406; and who comes when too many wait already 429, with `Retry-After`.
"""

import asyncio
import gc
import math
import traceback
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.admission import Admission, kind_of
from services.answering import Answering, Asked, about
from services.batching import Batches, BusyError
from services.bodies import FITS, JSON, READERS, read_body
from services.callers import Callers, turned_away
from services.ids import new_id
from services.limits import read_limits
from services.manifest import read_manifest
from services.measures import Measures
from services.page import Pages, pages
from services.records import NOT_RECORDED, Records, records_folder
from services.replies import WRITERS, About, NotAcceptableError, wanted
from services.request_log import RequestLog
from services.requests import BadRequestError
from services.verify import check_files

SOURCE = Path(__file__).resolve().parents[1]
"""The package's source: services/, models/ and model/."""
_QUICK_BYTES, _QUICK_IMAGES = 2**18, 4
"""Of a body that is read, and of an answer that is written, at once; while longer ones are, others are answered. A FITS
table takes tens of milliseconds, however short."""


def checked_manifest() -> tuple[dict[str, Any], str]:
    """The manifest and the digest of this package, after every file was compared with the list of what was packaged.

    That tells damage from health, not friend from foe: who can write a package can write what checks it here. Whether
    it is to be trusted is asked before any of it is imported (`verify.py`, `assay verify`).

    Raises:
        ValueError: in one line that names the file which is missing or is not what was packaged.
    """
    digest = check_files(SOURCE.parent, caches=True)
    return read_manifest(SOURCE), digest


class Predictor:
    """One model, answering."""

    def __init__(self) -> None:
        self._manifest, self._digest = checked_manifest()
        self._limits = read_limits()
        self._answering = Answering(SOURCE)
        self._about = About(model=self._answering.about, outputs=self._answering.outputs, inputs=self._answering.inputs)
        self._measures = Measures(self._about.model)
        self._reading = asyncio.Semaphore(1)
        self._batches = Batches(
            self._answering, self._limits, at_once=self._answering.at_once, seen=self._measures.batch
        )
        self._records = self._open_records()
        # What was loaded stays: looking through it for garbage took a tenth of a second, of some request in a hundred.
        gc.collect()
        gc.freeze()

    def end(self) -> None:
        """Write what is yet to be recorded, once all requests are answered."""
        if self._records is not None:
            self._records.end()

    async def predict(self, request: Request) -> Response:
        """The answer to each image, in the order of the request."""
        try:
            kind = wanted(request.headers.get("accept", "*/*"))
            body, query = await request.body(), request.query_params.multi_items()
            read = (kind_of(request.headers), body, query, self._answering.inputs, self._limits)
            asked = read_body(*read) if len(body) < _QUICK_BYTES else await self._read_beside(*read)
            self._measures.waiting(self._batches.images_waiting)
            answers = await self._batches.ask(asked)
        except BadRequestError as error:
            return _refusal(400, str(error))
        except NotAcceptableError as error:
            return _refusal(406, str(error))
        except BusyError as error:
            return _refusal(429, str(error), {"Retry-After": str(math.ceil(error.retry_after_s))})
        self._measures.answered(answers.doubts)
        model = self._about.model
        ids = [new_id(model["problem"], model["version"], self._digest) for _ in answers.doubts]
        write, told = WRITERS[kind], (answers, ids, self._about)
        quick = len(ids) <= _QUICK_IMAGES and kind != FITS
        content = write(*told) if quick else await asyncio.to_thread(write, *told)
        if self._records is not None and request.headers.get(NOT_RECORDED) != "no":
            self._records.add(asked, answers, ids)
        return Response(content, media_type=kind)

    def _open_records(self) -> Records | None:
        """What records answers; None where nobody has said a folder, or left any bytes to it."""
        folder, most_bytes = records_folder(), self._limits.records_mib * 2**20
        if folder is None or not most_bytes:
            return None
        return Records(
            folder,
            most_bytes=most_bytes,
            model=self._about.model,
            inputs=self._answering.inputs,
            outputs=self._answering.outputs,
            left_out=self._measures.left_out,
        )

    async def _read_beside(self, *read: Any) -> Asked:
        """Read a long body while others are answered; one at a time, since it may cost twenty times its length."""
        async with self._reading:
            return await asyncio.to_thread(read_body, *read)

    def model(self) -> dict[str, Any]:
        """Which model answers here, and its inputs and outputs."""
        return {**self._about.model, **{part: self._manifest[part] for part in ("inputs", "outputs")}}


async def _predict(request: Request) -> Response:
    predictor: Predictor = request.app.state.predictor
    return await predictor.predict(request)


async def _model(request: Request) -> Response:
    return JSONResponse(request.app.state.predictor.model())


async def _failed(_request: Request, error: Exception) -> Response:
    """What nobody foresaw: the log has all of it, whoever asked one line."""
    traceback.print_exception(error)
    return _refusal(500, "the server could not answer this: the reason is in its log")


def _refusal(status: int, line: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": line}, status_code=status, headers=headers)


ROUTES = Starlette(
    routes=[Route("/predict", _predict, methods=["POST"]), Route("/model", _model, methods=["GET"])],
    exception_handlers={Exception: _failed},
)


def _pages() -> dict[str, tuple[str, bytes]]:
    manifest = read_manifest(SOURCE)
    return pages(SOURCE, manifest | {"model": about(manifest)}, read_limits())


MIDDLEWARE = (
    Middleware(RequestLog),
    Middleware(AuthenticationMiddleware, backend=Callers(), on_error=turned_away),
    Middleware(Pages, make=_pages),
    Middleware(Admission, kinds={"/predict": (JSON, *READERS)}, limits=read_limits),
)
"""What a request passes before it is answered, the first first."""
