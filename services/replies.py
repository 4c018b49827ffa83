"""Write the answer to a request as its sender asked for it: JSON, safetensors, or a FITS table.

    kind = wanted("application/fits, */*;q=0.1")
    body = WRITERS[kind](answers, ids, about)

Each has of every image all outputs, `id`, `in_tested_range`, `doubts`, `samples` where they were asked for, and
`estimated` where an input was left out that can be; and of all of them `units`, `labels`, `not_tested` and `model`.

| type | images | of all |
|---|---|---|
| `application/json` | an object each, in `predictions` | beside them |
| `application/x-safetensors` | a tensor for each output, `samples.<name>`, `estimated.<name>` | its metadata, as JSON |
| `application/fits` | a row each, a column for each output, `samples_<name>`, `estimated_<name>` | its header |
"""

import io
import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic_core import to_json
from safetensors import TensorSpec, serialize

from services.answering import Answers
from services.bodies import FITS, JSON, SAFETENSORS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.fields import Field


_WORDS = str.maketrans({"²": "^2", "±": "+/-", "×": "x", "−": "-", "–": "-", "≥": ">=", "≤": "<=", "″": "arcsec"})
_LETTER = "GREEK SMALL LETTER "


@dataclass(frozen=True, kw_only=True)
class About:
    """What holds of all answers of a server."""

    model: Mapping[str, Any]
    outputs: "Sequence[Field]"
    inputs: "Sequence[Field]" = ()
    """Whose units estimates have."""

    @cached_property
    def units(self) -> dict[str, str]:
        """By output."""
        return {one.name: one.unit for one in self.outputs}

    def estimated_units(self, answers: Answers) -> dict[str, str]:
        """By input that was left out and estimated."""
        return {one.name: one.unit for one in self.inputs if one.name in answers.estimated}

    @cached_property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Of the entries of outputs that have several with names."""
        return {one.name: one.labels for one in self.outputs if one.shape and one.labels}

    @cached_property
    def in_json(self) -> dict[str, str]:
        """What the metadata of every answer says of the server."""
        labels = {one.name: one.labels for one in self.outputs if one.labels}
        return {
            name: json.dumps(value)
            for name, value in (("units", self.units), ("labels", labels), ("model", dict(self.model)))
        }


class NotAcceptableError(ValueError):
    """Nobody can answer in the types that were asked for; the message names those that there are."""


def wanted(accept: str) -> str:
    """The type to answer in, by an `Accept` header (RFC 9110, 12.5.1).

    Raises:
        NotAcceptableError: when it names none that there is.
    """
    listed = []
    for part in accept.split(","):
        kind, *parameters = (text.strip().lower() for text in part.split(";"))
        weights = [text.removeprefix("q=") for text in parameters if text.startswith("q=")]
        try:
            weight = float(weights[0]) if weights else 1.0
        except ValueError:
            weight = 0.0
        listed.append((weight, kind))
    for weight, kind in sorted(listed, key=lambda one: -one[0]):
        if weight <= 0:
            continue
        if kind in WRITERS:
            return kind
        if kind in ("", "*/*", "application/*"):
            return JSON
    raise NotAcceptableError(f"Accept is {accept[:80]}: must be one of {', '.join(WRITERS)}")


def write_json(answers: Answers, ids: Sequence[str], about: About) -> bytes:
    """The answers as `{"predictions": [...], "units": {...}, "labels": {...}, "model": {...}}`."""
    from models.fields import in_words

    rows = {one.name: in_words(one, answers.outputs[one.name].tolist()) for one in about.outputs}
    drawn = {name: array.tolist() for name, array in answers.samples.items()}
    estimated = {name: array.tolist() for name, array in answers.estimated.items()}
    predictions = [
        {
            "id": name,
            "answer": {output: row[index] for output, row in rows.items()},
            "in_tested_range": not answers.doubts[index],
            "doubts": answers.doubts[index],
            "not_tested": answers.not_tested,
            **({"estimated": {name: row[index] for name, row in estimated.items()}} if estimated else {}),
            **({"samples": {output: row[index] for output, row in drawn.items()}} if drawn else {}),
        }
        for index, name in enumerate(ids)
    ]
    units = about.units | about.estimated_units(answers)
    return to_json({"predictions": predictions, "units": units, "labels": about.labels, "model": dict(about.model)})


def write_safetensors(answers: Answers, ids: Sequence[str], about: About) -> bytes:
    """The answers as tensors, batch first; a whole number that stands for a label stays one."""
    tensors = {
        **answers.outputs,
        **{f"samples.{name}": array for name, array in answers.samples.items()},
        **{f"estimated.{name}": array for name, array in answers.estimated.items()},
    }
    said = {
        "id": ids,
        "in_tested_range": [not doubts for doubts in answers.doubts],
        "doubts": answers.doubts,
        "not_tested": answers.not_tested,
        **({"estimated": about.estimated_units(answers)} if answers.estimated else {}),
    }
    return _serialized(tensors, about.in_json | {name: to_json(value).decode() for name, value in said.items()})


def _serialized(tensors: "Mapping[str, NDArray[Any]]", metadata: dict[str, str]) -> bytes:
    """As `safetensors.numpy.save`, which asks each array for its type and place by name: half of the time of it."""
    whole = np.frombuffer(b"".join(array.tobytes() for array in tensors.values()), np.uint8)
    place, specs = whole.ctypes.data, {}
    for name, array in tensors.items():
        specs[name] = TensorSpec(dtype=_name_of(array.dtype), shape=array.shape, data_ptr=place, data_len=array.nbytes)
        place += array.nbytes
    return bytes(serialize(specs, metadata=metadata))


@lru_cache
def _name_of(dtype: "np.dtype[Any]") -> str:
    return dtype.name


def write_fits(answers: Answers, ids: Sequence[str], about: About) -> bytes:
    """The answers as a binary table, a row for each image, which TOPCAT and `astropy.table` read with its units."""
    from astropy.io import fits
    from astropy.table import Column, Table

    from models.fields import in_words

    table = Table()
    table["id"] = Column(list(ids), description="which assay trace takes back to data and code")
    table["in_tested_range"] = Column(
        [not doubts for doubts in answers.doubts], description="whether nothing in the image speaks against its answer"
    )
    table["doubts"] = Column([in_ascii("; ".join(doubts)) for doubts in answers.doubts], description="what does")
    for one in about.outputs:
        values = answers.outputs[one.name]
        words = in_words(one, values.tolist()) if one.dtype == "int64" else values
        table[one.name] = Column(words, description=f"[{', '.join(one.labels)}]" if one.labels else None)
    for name, found in answers.estimated.items():
        table[f"estimated_{name}"] = Column(found, description="estimated from the image, since nothing stated it")
    for name, drawn in answers.samples.items():
        table[f"samples_{name}"] = Column(drawn, description="joint draws from the posterior")
    hdu = fits.table_to_hdu(table)
    units = about.units | {f"estimated_{name}": unit for name, unit in about.estimated_units(answers).items()}
    for name, unit in units.items():
        hdu.columns[hdu.columns.names.index(name)].unit = fits_unit(unit) or None
    hdu.header["EXTNAME"] = "ANSWERS"
    for key, name in (("PROBLEM", "problem"), ("VERSION", "version"), ("PACKAGE", "package")):
        hdu.header[key] = about.model.get(name, "")
    for line in answers.not_tested:
        hdu.header.add_comment(in_ascii(f"not tested: {line}"))
    if "override" in about.model:
        hdu.header.add_comment(in_ascii(f"OVERRIDE {about.model['override']}"))
    written = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(written)
    return written.getvalue()


@lru_cache(maxsize=256)
def fits_unit(unit: str) -> str:
    """A unit as FITS writes it (Pence et al. 2010, 4.3), `10**5 count` for `1e5 counts`; none where it has none."""
    from astropy.units import Unit

    try:
        return str(Unit(unit.replace("counts", "count")).to_string("fits"))
    except ValueError:
        return ""


def in_ascii(text: str) -> str:
    """A text as FITS can hold it (Pence et al. 2010, 3.2): the signs of messages as words, others by their number."""
    names = {letter: unicodedata.name(letter, "") for letter in set(text)}
    for letter, name in names.items():
        if name.startswith(_LETTER):
            text = text.replace(letter, name.removeprefix(_LETTER).lower())
    plain = text.translate(_WORDS).encode("ascii", "backslashreplace").decode()
    return "".join(letter if " " <= letter <= "~" else " " for letter in plain)


WRITERS: Mapping[str, Callable[[Answers, Sequence[str], About], bytes]] = {
    JSON: write_json,
    SAFETENSORS: write_safetensors,
    FITS: write_fits,
}
"""The types of an answer, each with what writes it."""
