"""Ask a server about arrays, as numbers to the last bit: no text is made of an image, nor of an answer.

    answered = ask("http://127.0.0.1:3000", {"image": image_bhw, "sigma": sigma_b})
    answered.outputs["posterior_flux"], answered.doubts

For requests in JSON, with answers as JSON, see `serving.py`.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from components.core import AssayError
from components.packages.serving import REFUSED, RefusedRequestError
from services.bodies import SAFETENSORS
from services.replies import fits_unit
from services.replies import in_ascii as in_ascii

_ANSWER_TIMEOUT_S = 120.0
_BUSY_S = 600.0
"""How long a server may be too busy for a request."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a server says of a batch."""

    outputs: Mapping[str, np.ndarray[Any, Any]]
    """By name, in the model's order, batch first; whole numbers that stand for labels are numbers."""
    ids: Sequence[str]
    doubts: Sequence[Sequence[str]]
    not_tested: Sequence[str]
    units: Mapping[str, str]
    labels: Mapping[str, Sequence[str]]
    model: Mapping[str, Any]
    estimated: Mapping[str, np.ndarray[Any, Any]]
    """Inputs that were not stated and the model estimated from the images, by name, batch first."""
    estimated_units: Mapping[str, str]

    def fits_unit(self, name: str) -> str:
        """The unit of an output, or of an estimated input, as FITS writes it."""
        return fits_unit(self.units.get(name, self.estimated_units.get(name, "")))


def ask(url: str, inputs: Mapping[str, np.ndarray[Any, Any]]) -> Answered:
    """The answers to a batch, by one request; a server that is busy is asked again when it says.

    Args:
        url: of the server.
        inputs: by field, batch first.

    Raises:
        RefusedRequestError: with the server's own line when it refuses the request.
        AssayError: when nothing useful answers.
    """
    body = save({name: np.ascontiguousarray(array) for name, array in inputs.items()})
    headers, until = {"Content-Type": SAFETENSORS, "Accept": SAFETENSORS}, time.monotonic() + _BUSY_S
    try:
        with httpx.Client(trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client:  # no proxy stands before this machine
            while True:
                answer = client.post(f"{url.rstrip('/')}/predict", content=body, headers=headers)
                if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or time.monotonic() > until:
                    break
                time.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.is_success:
            return _read(answer.content)
        line = answer.json()["error"]
    except (httpx.HTTPError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise AssayError(f"{url} gave no answer ({error or type(error).__name__}): is it served?") from error
    refused = RefusedRequestError if answer.status_code in REFUSED else AssayError
    raise refused(f"{url} answered {answer.status_code}: {line}")


def _read(body: bytes) -> Answered:
    length = int.from_bytes(body[:8], "little")
    metadata = json.loads(body[8 : 8 + length])["__metadata__"]
    said = {name: json.loads(value) for name, value in metadata.items()}
    tensors = load(body)  # in any order
    return Answered(
        outputs={name: tensors[name] for name in said["units"]},
        ids=said["id"],
        doubts=said["doubts"],
        not_tested=said["not_tested"],
        units=said["units"],
        labels=said["labels"],
        model=said["model"],
        estimated={name: tensors[f"estimated.{name}"] for name in said.get("estimated", {})},
        estimated_units=said.get("estimated", {}),
    )
