"""Ask a server about images, from Python: NumPy in and out, to the last bit.

    with Client("http://127.0.0.1:3000") as client:
        said = client.predict(image_bhw, sigma=200.0, psf_fwhm=psf_fwhm_b)
    said["posterior_flux"][said.trusted], said.doubts, said.units

It needs numpy, httpx and safetensors and nothing else of Assay: `pip install .` without extras has them. What a model
takes beside images is a keyword each, one value for all or one for each image; `client.model()` says which there are.
"""

import os
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

import httpx
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save

from assay.prediction import Array, Prediction, joined, read_prediction

__label__ = None

TOKEN = "ASSAY_TOKEN"  # noqa: S105 - where it stands
"""The variable with the token of who asks."""
_SAFETENSORS = "application/x-safetensors"
_IMAGE = "image"
_REFUSED = (httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE)
"""Of a request that another may be answered in place of."""
_TIMEOUT_S = 120.0
_BUSY_S = 600.0
"""How long a server may be too busy for a request."""
_IMAGES, _BYTES = 64, 15 * 2**20
"""Of one request: every server takes as many."""
_AT_ONCE = 2
"""Requests on their way: while one is answered the next is sent."""
_OF_IMAGE = re.compile(r"images\[(\d+)\]")


class ClientError(Exception):
    """Nothing useful answered; the message is one line, and says what to do."""


class RefusedError(ClientError):
    """The server found something wrong with what it was asked; the message has its own line, which names it."""


class Client:
    """A server, asked over one connection or two; usable by several threads, and as a context manager.

    Args:
        url: of the server.
        token: of who asks, where the server wants one; by default what ASSAY_TOKEN says.
        http: a connection of one's own, with client certificates or proxies, say.
    """

    def __init__(self, url: str, *, token: str | None = None, http: httpx.Client | None = None) -> None:
        self.url = url.rstrip("/")
        token = token or os.environ.get(TOKEN)
        self._headers = bearer(token)
        # No proxy stands before this machine, whatever the variables for others say.
        self._http = http or httpx.Client(trust_env=not _is_here(self.url), timeout=_TIMEOUT_S)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def model(self) -> dict[str, Any]:
        """What answers: `problem`, `version`, and `inputs` and `outputs` with shapes, units and limits.

        Raises:
            ClientError: when nothing useful answers.
        """
        answer = self._answered("GET", "/model", b"", {})
        try:
            document = answer.json()
        except ValueError as error:
            raise ClientError(f"{self.url}/model gave no JSON: is it a server of Assay?") from error
        if not answer.is_success or not isinstance(document, dict) or "inputs" not in document:
            raise ClientError(f"{self.url}/model answered {answer.status_code}: {_line(answer)}")
        return document

    def predict(self, image: Any, *, samples: int = 0, **beside: Any) -> Prediction:
        """The answers to images, by as many requests as it takes.

        Args:
            image: of the model's shape, or a stack of them; real numbers.
            samples: joint draws from each posterior, as outputs `samples.<name>`, shape (images, draws, …).
            beside: the model's other inputs by name, one for all images or one for each.

        Raises:
            RefusedError: when the server refuses an image; the line names it by its place in the stack.
            ClientError: when nothing useful answers, or when another version does midway.
            TypeError: when something is not an array of real numbers, or named after no input.
        """
        shapes = {field["name"]: tuple(field["shape"]) for field in self.model()["inputs"]}
        arrays = {name: _real(name, value) for name, value in {_IMAGE: image, **beside}.items()}
        for name in arrays:
            if name not in shapes:
                raise TypeError(f"the model takes no {name}: it takes {', '.join(shapes)}")
        single = arrays[_IMAGE].ndim <= len(shapes[_IMAGE])
        count = 1 if single else len(arrays[_IMAGE])
        each = {name for name, array in arrays.items() if array.ndim > len(shapes[name])}
        for name in each:
            if len(arrays[name]) != count:
                raise TypeError(f"{name} is said for {len(arrays[name])} images, and there are {count}")
        starts = range(0, count, _together(arrays, each))
        parts = (
            {name: array[at : at + starts.step] if name in each else array for name, array in arrays.items()}
            for at in starts
        )
        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(starts)))) as pool:
            asked = [pool.submit(self._asked_at, at, part, samples) for at, part in zip(starts, parts, strict=True)]
            try:
                answers = [one.result() for one in asked]
            finally:
                for one in asked:
                    one.cancel()
        for answer in answers[1:]:
            require_same_model(self.url, answers[0], answer)
        return joined(answers)

    def ask(self, inputs: Mapping[str, Array], *, samples: int = 0) -> Prediction:
        """The answers to a batch, by one request; a server that is busy is asked again when it says.

        Args:
            inputs: by field; batch first, or one for all.
            samples: joint draws from each posterior.

        Raises:
            RefusedError: with the server's own line when it refuses the request.
            ClientError: when nothing useful answers.
        """
        body = save({name: np.asarray(array, order="C") for name, array in inputs.items()})
        query = f"?samples={samples}" if samples else ""
        headers, until = {"Content-Type": _SAFETENSORS, "Accept": _SAFETENSORS}, time.monotonic() + _BUSY_S
        while True:
            answer = self._answered("POST", f"/predict{query}", body, headers)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > until:
                break
            time.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.is_success:
            try:
                return read_prediction(answer.content)
            except (SafetensorError, ValueError, KeyError, TypeError) as error:
                raise ClientError(f"{self.url} gave no answer that can be read ({error}): is it Assay's?") from error
        line = f"{self.url} answered {answer.status_code}: {_line(answer)}"
        raise RefusedError(line) if answer.status_code in _REFUSED else ClientError(line)

    def _asked_at(self, at: int, part: Mapping[str, Array], samples: int) -> Prediction:
        """The answers to a part that begins at one image of many, which a refusal counts from the first."""
        try:
            return self.ask(part, samples=samples)
        except RefusedError as error:
            line = _OF_IMAGE.sub(lambda found: f"images[{at + int(found[1])}]", str(error))
            raise RefusedError(line) from error

    def _answered(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        try:
            return self._http.request(method, f"{self.url}{path}", content=body, headers={**self._headers, **headers})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ClientError(f"{self.url} gave no answer ({error or type(error).__name__}): is it served?") from error


def bearer(token: str | None) -> dict[str, str]:
    """The header that says whose request it is; none without a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def require_same_model(url: str, before: Prediction, after: Prediction) -> None:
    """See that one model answered two requests.

    Raises:
        ClientError: when another one did midway.
    """
    if after.model != before.model:
        versions = f"version {before.model['version']} to {after.model['version']}"
        raise ClientError(f"{url} changed from {versions} midway: ask again")


def _is_here(url: str) -> bool:
    try:
        host = httpx.URL(url).host
        return host == "localhost" or ip_address(host).is_loopback
    except (httpx.InvalidURL, ValueError):
        return False


def _real(name: str, value: Any) -> Array:
    """Numbers in this machine's order of bytes, in a type that travels."""
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} holds {array.dtype}: must be real numbers")
    wide = array.dtype.itemsize > 8
    return array.astype(np.float64) if wide else array.astype(array.dtype.newbyteorder("="), copy=False)


def _together(arrays: Mapping[str, Array], each: set[str]) -> int:
    """How many images one request may hold."""
    of_one = sum(array.nbytes // max(1, len(array)) for name, array in arrays.items() if name in each)
    return max(1, min(_IMAGES, _BYTES // max(1, of_one)))


def _line(answer: httpx.Response) -> str:
    """The line of a refusal."""
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return "no line of Assay's: is it its server?"
