"""Named fields: what goes into a model and what comes out, array by array, with shape, dtype, unit and limits.

    inputs = (Field(name="image", shape=(64, 64), unit="counts"), Field(name="sigma", unit="counts", limits=(0, None)))
    check_arrays({"image": image_bhw, "sigma": sigma_b}, inputs, "the batch")

A field is plain JSON (`as_json`, `field`): a package, MLflow, a client and a table read it without the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor  # fields are read where nothing is computed

__label__ = "fields"

Arrays = Mapping[str, "Tensor"]
"""Arrays by the name of their field, batch first."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One named array of each image."""

    name: str
    shape: tuple[int, ...] = ()
    """Of one image's array: `()` is a number, `(64, 64)` an image, `(10,)` the probabilities of ten classes."""
    dtype: Literal["float32", "int64"] = "float32"
    unit: str = ""
    """An empty string for a pure number."""
    labels: tuple[str, ...] = ()
    """Of the entries along the first axis, where they have names; of the values of an int64."""
    optional: bool = False
    """An input that may be left out, and counts as 0 then."""
    estimated: bool = False
    """An input that may be left out where a model is asked, is estimated from the image then, and the answer says so;
    who trains or judges a model states it."""
    limits: tuple[float | None, float | None] = (None, None)
    """Values lie between these and are neither; None where there is no limit."""
    pixel_scale: float | None = None
    """Of an image, in arcsec; None where it has none, or is not that of a camera."""
    absolute: float = 0.0
    relative: float = 0.0
    """A package answers as recorded when no entry differs by more than absolute + relative · |that of `of`|."""
    of: str = ""
    """The output that `relative` is relative to, such as the error of a value; the field itself by default."""

    @property
    def needed(self) -> bool:
        """Whether a model cannot be asked without it."""
        return not (self.optional or self.estimated)

    def as_json(self) -> dict[str, Any]:
        """The field as JSON-able values."""
        return asdict(self)


def field(document: Mapping[str, Any]) -> Field:
    """A field from its JSON."""
    sequences = {name: tuple(document[name]) for name in ("shape", "labels", "limits")}
    return Field(**{**document, **sequences})


def in_words(of: Field, rows: list[Any]) -> list[Any]:
    """Rows of a field as a person reads them: a whole number that has a label by this."""
    return [of.labels[row] for row in rows] if of.dtype == "int64" and of.labels and not of.shape else rows


def in_numbers(of: Field, rows: list[Any]) -> list[Any]:
    """The reverse; a word that is no label stays as it is."""
    numbers = {label: number for number, label in enumerate(of.labels)} if of.dtype == "int64" and not of.shape else {}
    return [numbers.get(row, row) if isinstance(row, str) else row for row in rows]


def check_arrays(arrays: Mapping[str, Any], fields: Sequence[Field], where: str) -> None:
    """That a batch has each field in its shape and dtype, and no other.

    Args:
        arrays: tensors or NumPy arrays, batch first.
        fields: what they should be.
        where: whose arrays they are, for the message.

    Raises:
        ValueError: naming the field that is missing, unknown, or of another shape, dtype or number of rows.
    """
    known = {field.name: field for field in fields}
    for name in (*known, *arrays):
        if name not in arrays:
            if known[name].optional:
                continue
            raise ValueError(f"{where} has no {name}: it must have {', '.join(known)}")
        if name not in known:
            raise ValueError(f"{where} has an unknown field {name}: its fields are {', '.join(known)}")
    rows = {name: len(array) for name, array in arrays.items()}
    for name in arrays:
        wanted = known[name]
        shape, dtype = tuple(arrays[name].shape[1:]), str(arrays[name].dtype).removeprefix("torch.")
        if shape != wanted.shape:
            raise ValueError(f"{name} of {where} has the shape {shape}: must be {wanted.shape}")
        if dtype != wanted.dtype:
            raise ValueError(f"{name} of {where} is {dtype}: must be {wanted.dtype}")
        first = next(iter(rows))
        if rows[name] != rows[first]:
            raise ValueError(f"{name} of {where} has {rows[name]} rows and {first} has {rows[first]}: must be as many")


def check_values(arrays: Mapping[str, Any], fields: Sequence[Field], where: str) -> None:
    """That values lie within the limits of their fields, and whole numbers with labels are among these.

    Raises:
        ValueError: naming the field, its row and the value.
    """
    for of in fields:
        values, (low, high) = arrays[of.name], of.limits
        wrong = values < values  # none so far; NaN lies within no limits, and elsewhere it is the validation's to find
        if low is not None:
            wrong = wrong | ~(values > low)
        if high is not None:
            wrong = wrong | ~(values < high)
        said = f"between {low} and {high}, and neither"
        if of.dtype == "int64" and of.labels:
            wrong = wrong | (values < 0) | (values >= len(of.labels))
            said = f"0 to {len(of.labels) - 1}, for {', '.join(of.labels)}"
        if bool(wrong.any()):
            row = int(wrong.reshape(len(wrong), -1).any(1).nonzero()[0][0])
            value = values[row][wrong[row]].reshape(-1)[0]
            raise ValueError(f"{of.name} of {where} is {value.item():g} in row {row}: must be {said}")


def check_fields(actual: Sequence[Field], stated: Sequence[Field], where: str) -> None:
    """That fields are those which were stated, in everything that whoever reads them relies on.

    Raises:
        ValueError: naming the field and what of it differs.
    """
    names, wanted = [field.name for field in actual], [field.name for field in stated]
    if names != wanted:
        raise ValueError(f"{where} has the fields {', '.join(names)}: stated are {', '.join(wanted)}")
    for one, other in zip(actual, stated, strict=True):
        for part, value in asdict(other).items():
            found = getattr(one, part)
            if found != value:
                raise ValueError(f"{one.name} of {where} has {part} {found!r}: stated is {value!r}")
