"""Keep maps of an answer, such as restored images and masks, as files that other programs read.

    save_maps(Path("answers"), files, answer["predictions"])       # answers/galaxy.restored.npy, …

Pictures in colour are kept as PNG, too.

Numbers and lists are shown by the command itself.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core import AssayError


def require_names(folder: Path, files: Sequence[Path]) -> None:
    """See that maps of some files can be kept in a folder, before anybody is asked about them.

    Raises:
        AssayError: when two of the files have one name, or the folder is a file.
    """
    from components.fields import stem_of

    stems = [stem_of(file) for file in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise AssayError(f"{len(files)} files, and more than one is called {twice[0]}: save them by separate commands")
    if folder.exists() and not folder.is_dir():
        raise AssayError(f"--save {folder}: is a file: name a folder")


def save_maps(folder: Path, files: Sequence[Path], predictions: Sequence[Mapping[str, Any]]) -> list[Path]:
    """One .npy a map, and of pictures in colour a PNG, too.

    Args:
        folder: made where it is missing.
        files: that were asked about; their names name the maps.
        predictions: answers to them, as served.
    """
    import numpy as np

    from components.fields import stem_of, write_picture

    require_names(folder, files)
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for file, prediction in zip(files, predictions, strict=True):
        for name, value in prediction["answer"].items():
            if not _is_map(value):
                continue
            array = np.asarray(value, dtype=np.float32)
            saved.append(folder / f"{stem_of(file)}.{name}.npy")
            np.save(saved[-1], array)
            in_colour = array.ndim == 3 and len(array) == 3 and not name.endswith("_error")
            if in_colour and array.min() >= 0 and array.max() <= 1:
                saved.append(folder / f"{stem_of(file)}.{name}.png")
                write_picture(saved[-1], array)
    return saved


def _is_map(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list)
