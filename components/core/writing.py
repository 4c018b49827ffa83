"""A text in a file, whole or not at all, whoever else writes it and whenever this process is killed.

write_whole(folder / "card.json", text)
"""

import uuid
from pathlib import Path

__label__ = None


def write_whole(path: Path, text: str) -> None:
    """Write a text in UTF-8 in place of what a file holds; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
