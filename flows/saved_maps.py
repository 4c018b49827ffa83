"""Keep maps of an answer, such as restored images and masks, as files that other programs read.

    save_maps(Path("answers"), files, answer["predictions"])       # answers/galaxy.restored.npy, …

Pictures in colour are kept as PNG, too.

Numbers and lists are shown by the command itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core import AssayError


def save_maps(folder: Path, files: Sequence[Path], predictions: Sequence[Mapping[str, Any]]) -> list[Path]:
    """One .npy a map, and of what has three bands with values from 0 to 1 a PNG, too.

    Args:
        folder: made where it is missing.
        files: that were asked about; their names name the maps.
        predictions: answers to them, as served.

    Raises:
        AssayError: when two of the files have one name.
    """
    import numpy as np

    from components.fields import stem_of, write_picture

    stems = [stem_of(file) for file in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise AssayError(f"{len(files)} files, and more than one is called {twice[0]}: save them by separate commands")
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for stem, prediction in zip(stems, predictions, strict=True):
        for name, value in prediction["answer"].items():
            array = np.asarray(value, dtype=np.float32) if _is_map(value) else None
            if array is None:
                continue
            saved.append(folder / f"{stem}.{name}.npy")
            np.save(saved[-1], array)
            if array.ndim == 3 and len(array) == 3 and array.min() >= 0 and array.max() <= 1:
                saved.append(folder / f"{stem}.{name}.png")
                write_picture(saved[-1], array)
    return saved


def _is_map(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)
