"""A file that is there whole or not at all, whoever else writes it and whenever this process is killed.

write_whole(folder / "card.json", text)
with placed_whole(path) as partial: frame.to_parquet(partial)
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__label__ = None


def write_whole(path: Path, text: str) -> None:
    """Write a text in UTF-8 in place of what a file holds; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with placed_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def placed_whole(path: Path) -> Iterator[Path]:
    """A name beside a file, which takes its place when the block has written it."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
