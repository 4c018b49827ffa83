"""Requests that can be sent at once, in each type that the service reads: of inputs that the package was proved with.

sound, doubtful = examples(source)
sound.bodies["/example.npy"]          # type and content;  sound.query: what goes with it
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save

from services.bodies import FITS, JSON, NPY, SAFETENSORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Field

_GOLDEN = "model/golden.safetensors"
_IMAGE = "image"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One image with what stands beside it."""

    arrays: "Mapping[str, NDArray[Any]]"
    """By field."""

    @property
    def document(self) -> dict[str, Any]:
        """The request in JSON, before it is text."""
        return {"images": [{name: _plain(array) for name, array in self.arrays.items()}]}

    @property
    def query(self) -> str:
        """The numbers beside the image, as the address of a request says them."""
        numbers = {name: _plain(array) for name, array in self.arrays.items() if not np.ndim(array)}
        return "?" + "&".join(f"{name}={number}" for name, number in numbers.items()) if numbers else ""

    def bodies(self) -> dict[str, tuple[str, bytes]]:
        """Type and content of the request in each type that can say all of it, by its file's ending."""
        kinds = {"json": (JSON, json.dumps(self.document).encode()), "safetensors": (SAFETENSORS, self._safetensors())}
        if all(name == _IMAGE or not np.ndim(array) for name, array in self.arrays.items()):
            kinds["npy"] = (NPY, self._npy())
        return {**kinds, "fits": (FITS, self._fits())}

    def _npy(self) -> bytes:
        file = io.BytesIO()
        np.save(file, self.arrays[_IMAGE], allow_pickle=False)
        return file.getvalue()

    def _safetensors(self) -> bytes:
        return save({name: np.stack([array]) for name, array in self.arrays.items()})

    def _fits(self) -> bytes:
        from astropy.io import fits

        image = fits.ImageHDU(self.arrays[_IMAGE], name="SCI")
        others = []
        for name, array in self.arrays.items():
            if np.ndim(array) and name != _IMAGE:
                others.append(fits.ImageHDU(array, name=name.upper()))
            elif not np.ndim(array):
                key = name.upper()
                image.header[key if len(key) <= 8 else f"HIERARCH {key}"] = _plain(array)
        file = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), image, *others]).writeto(file)
        return file.getvalue()


def examples(source: Path, inputs: "Sequence[Field]") -> tuple[Example, Example]:
    """Two requests: the first input that a package was proved with, and the last, which is one to be doubted.

    Args:
        source: of the package.
        inputs: of its model.
    """
    golden = load_file(source / _GOLDEN)
    arrays = {one.name: golden[f"input.{one.name}"] for one in inputs if f"input.{one.name}" in golden}
    first, last = ({name: array[row] for name, array in arrays.items()} for row in (0, -1))
    return Example(arrays=first), Example(arrays=last)


def _plain(array: Any) -> Any:
    """Numbers with the fewest digits that tell one float32 from the next."""
    if np.ndim(array):
        return [_plain(part) for part in array]
    return int(array) if np.issubdtype(array.dtype, np.integer) else float(str(array))
