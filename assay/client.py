"""Ask a server about images, from Python: NumPy in and out, to the last bit.

    with Client("http://127.0.0.1:3000") as client:
        said = client.predict(image_bhw, sigma=200.0, psf_fwhm=psf_fwhm_b)
    said["posterior_flux"][said.trusted], said.doubts, said.units

It needs numpy, httpx and safetensors and nothing else of Assay: `pip install .` without extras has them. What a model
takes beside images is a keyword each, one value for all or one for each image; `client.model()` says which there are.
"""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain
from typing import Any

import httpx
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

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

Array = np.ndarray[Any, Any]


class ClientError(Exception):
    """Nothing useful answered; the message is one line, and says what to do."""


class RefusedError(ClientError):
    """The server found something wrong with what it was asked; the message has its own line, which names it."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a server says of images."""

    outputs: Mapping[str, Array]
    """By name, in the model's order, batch first; a whole number that stands for a label is one of `labels`."""
    ids: Sequence[str]
    """Which `assay trace` takes back to data and code."""
    doubts: Sequence[Sequence[str]]
    """Of each image, what in it departs from those that the model was measured on."""
    not_tested: Sequence[str]
    """What all answers take for granted."""
    estimated: Mapping[str, Array]
    """Inputs that nothing said and the model took from the images, by name, batch first."""
    units: Mapping[str, str]
    """Of outputs, and of what was estimated."""
    labels: Mapping[str, Sequence[str]]
    """Of the entries of an output, or of its whole numbers."""
    model: Mapping[str, Any]
    """`problem`, `version` and digests."""

    def __getitem__(self, name: str) -> Array:
        """One output, batch first."""
        return self.outputs[name]

    @property
    def trusted(self) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Whether nothing in an image speaks against its answer, shape (images,)."""
        return np.array([not lines for lines in self.doubts], dtype=bool)


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
                return _joined(self.url, [one.result() for one in asked])
            finally:
                for one in asked:
                    one.cancel()

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
                return _read(answer.content)
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


def _read(body: bytes) -> Prediction:
    length = int.from_bytes(body[:8], "little")
    metadata = json.loads(body[8 : 8 + length])["__metadata__"]
    said = {name: json.loads(value) for name, value in metadata.items()}
    tensors, estimated = load(body), said.get("estimated", {})  # tensors come in any order
    names = [*said["units"], *sorted(name for name in tensors if name.startswith("samples."))]
    return Prediction(
        outputs={name: tensors[name] for name in names},
        ids=said["id"],
        doubts=said["doubts"],
        not_tested=said["not_tested"],
        estimated={name: tensors[f"estimated.{name}"] for name in estimated},
        units={**said["units"], **estimated},
        labels=said["labels"],
        model=said["model"],
    )


def _joined(url: str, parts: Sequence[Prediction]) -> Prediction:
    first = parts[0]
    for part in parts:
        if part.model != first.model:
            versions = f"version {first.model['version']} to {part.model['version']}"
            raise ClientError(f"{url} changed from {versions} midway: ask again")
    return Prediction(
        outputs={name: np.concatenate([part.outputs[name] for part in parts]) for name in first.outputs},
        estimated={name: np.concatenate([part.estimated[name] for part in parts]) for name in first.estimated},
        ids=list(chain.from_iterable(part.ids for part in parts)),
        doubts=list(chain.from_iterable(part.doubts for part in parts)),
        not_tested=first.not_tested,
        units=first.units,
        labels=first.labels,
        model=first.model,
    )
