"""What is held at the border of a dataset, a batch or an answer: fields by their names, refused in one line.

require_fields(stored, problem.stored(settings.simulate), "blob-mask's dataset")
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from components.core import AssayError

if TYPE_CHECKING:
    import pandas as pd

    from models.fields import Field

__label__ = "borders"

_HINT = "see the fields that the problem declares"


def require_fields(arrays: Mapping[str, Any], fields: "Sequence[Field]", where: str, *, values: bool = False) -> None:
    """`models.fields.check_arrays`, and where it is asked for `check_values`, refused in one line.

    Args:
        arrays: tensors or NumPy arrays, batch first.
        fields: what they should be.
        where: whose arrays they are, for the message.
        values: whether limits and labels are looked at, too.

    Raises:
        AssayError: naming the field and whose it is.
    """
    from models.fields import check_arrays, check_values

    try:
        check_arrays(arrays, fields, where)
        if values:
            check_values(arrays, fields, where)
    except ValueError as error:
        raise AssayError(str(error), _HINT) from error


def column_values(column: "pd.Series[Any]") -> np.ndarray[Any, Any]:
    """A catalogue column as models are shown it: whole numbers as int64, others as float32.

    Raises:
        AssayError: when it holds anything but numbers; the column is named.
    """
    values = column.to_numpy()
    if values.dtype.kind not in "iubf":
        raise AssayError(
            f"column {column.name} holds {values.dtype}, such as {values[:1].tolist()}: must be numbers", _HINT
        )
    return values.astype(np.int64 if values.dtype.kind in "iub" else np.float32)
