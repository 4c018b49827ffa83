"""Named fields: what goes into a model and what comes out, array by array, with shape, unit and limits.

    inputs = (Field(name="image", shape=(64, 64), unit="counts"), Field(name="sigma", unit="counts", limits=(0, None)))

A field is plain JSON (`as_json`, `field`): a package, MLflow, a client and a table read it without the model.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

__label__ = "fields"

Arrays = Mapping[str, Tensor]
"""Arrays by the name of their field, batch first."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One named array of each image."""

    name: str
    shape: tuple[int, ...] = ()
    """Of one image's array: `()` is a number, `(64, 64)` an image."""
    unit: str = ""
    """An empty string for a pure number."""
    labels: tuple[str, ...] = ()
    """Of the entries along the first axis, where they have names."""
    limits: tuple[float | None, float | None] = (None, None)
    """Values lie between these and are neither; None where there is no limit."""
    absolute: float = 0.0
    relative: float = 0.0
    """A package answers as recorded when no entry differs by more than absolute + relative · |that of `of`|."""
    of: str = ""
    """The output that `relative` is relative to, such as the error of a value; the field itself by default."""

    def as_json(self) -> dict[str, Any]:
        """The field as JSON-able values."""
        return asdict(self)


def field(document: Mapping[str, Any]) -> Field:
    """A field from its JSON."""
    sequences = {name: tuple(document[name]) for name in ("shape", "labels", "limits")}
    return Field(**{**document, **sequences})
