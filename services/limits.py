"""How much a server takes on: params.yaml's `serve`, which reaches it in a variable.

    limits = read_limits()             # of this process

What each means and may be stands at `ServeSettings` in `components/core/settings.py`, which checks them. A server that
somebody starts by hand has the defaults, unless the variable says otherwise:

    ASSAY_LIMITS='{"queue_images": 4096}' bentoml serve <package>
"""

import os

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

LIMITS = "ASSAY_LIMITS"
"""The variable, as JSON."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid", strict=True))
class Limits:
    """What a server takes on."""

    body_mib: int = 32
    body_s: float = 60.0
    request_images: int = 256
    batch_images: int | None = None
    batch_ms: float = 10.0
    queue_images: int = 2048
    records_mib: int = 256

    @property
    def body_bytes(self) -> int:
        """Of one request."""
        return self.body_mib * 2**20


def read_limits() -> Limits:
    """Those of this process.

    Raises:
        ValueError: in one line, when the variable does not say limits.
    """
    said = os.environ.get(LIMITS, "{}")
    try:
        return TypeAdapter(Limits).validate_json(said)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(map(str, wrong["loc"]))
        raise ValueError(f"{LIMITS} is {said[:200]}: {where} {wrong['msg']}") from error
