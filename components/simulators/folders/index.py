"""A folder of pictures as a dataset: which are whole, which show the same, who is in which split, and what is stored.

    index = index_of(settings, "classes")
    index.counts                                        # {"train": 160, …}
    drawn = index.shard("train", range(64))             # columns and arrays

Reading all of a folder takes a while: an index is remembered for as long as no file of it changes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from components.core import AssayError, file_sha256, value_digest
from components.fields import SPLITS, Shard, UnreadablePictureError, read_picture
from components.simulators.folders.dealing import deal
from components.simulators.folders.framing import framed, framed_mask, grey
from components.simulators.folders.likeness import alike, look_of
from components.simulators.folders.listing import Listed, list_pictures
from components.simulators.folders.settings import FolderSettings

__label__ = "folder_index"

LEAST_PICTURES = 50
_LARGEST_GROUP = 0.5
"""Of all pictures, at most, in one group."""

Kind = Literal["pictures", "classes", "masks", "images"]
"""What belongs to each picture: nothing, a class, a mask, or another picture."""
Stamps = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class FolderIndex:
    """What a folder comes to."""

    settings: FolderSettings
    kind: Kind
    members: Mapping[str, tuple[Listed, ...]]
    """The pictures of each split, in the order of its rows."""
    labels: tuple[str, ...]
    """What is on them, by name; empty where no table says it."""
    groups: Mapping[str, str]
    """What each picture is one of, by name: its group's first picture, or what the group is said to be."""
    digest: str
    """Of all files that were read."""
    skipped: Mapping[str, str]
    """Why a file was left out, by its picture's name."""

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each split."""
        return {split: len(self.members[split]) for split in SPLITS}

    @property
    def material(self) -> dict[str, Any]:
        """What a dataset's manifest says of its origin."""
        pictures = [picture for split in SPLITS for picture in self.members[split]]
        return {
            "digest": self.digest,
            "pictures": len(pictures),
            "groups": len(set(self.groups.values())),
            "skipped": dict(self.skipped),
            "licences": dict(sorted(Counter(picture.licence or "not stated" for picture in pictures).items())),
            "credits": dict(sorted(Counter(picture.credit or "not stated" for picture in pictures).items())),
        }

    def shard(self, split: str, rows: range) -> Shard:
        """Some pictures of a split.

        Args:
            split: one of `SPLITS`.
            rows: row numbers within the split.

        Returns:
            Columns `file`, `group`, `licence`, `credit`, and of classes the number of the one in `class`; arrays
            `picture` (rows, channels, height, width), and `mask` (rows, height, width) or `wanted` (as `picture`).

        Raises:
            AssayError: when a mask has another size than its picture or more than two values, or a picture has too few
                pixels.
        """
        pictures = [self.members[split][row] for row in rows]
        arrays: dict[str, Any] = {}
        for one in pictures:  # one at a time: as they were taken, they may be a hundred times as large
            for name, array in self._framed(one).items():
                arrays.setdefault(name, []).append(array)
        columns: dict[str, Any] = {
            "file": [picture.name for picture in pictures],
            "group": [self.groups[picture.name] for picture in pictures],
            "licence": [picture.licence for picture in pictures],
            "credit": [picture.credit for picture in pictures],
        }
        if self.kind == "classes":
            columns["class"] = np.array([self.labels.index(str(one.label)) for one in pictures], dtype=np.int64)
        return Shard(columns=pd.DataFrame(columns), arrays={name: np.stack(of) for name, of in arrays.items()})

    def _framed(self, one: Listed) -> "dict[str, np.ndarray[Any, Any]]":
        """A picture, and what belongs to it, as a model is given them."""
        settings, read = self.settings, read_picture(one.path)
        made = {"picture": framed(read, settings, one.path)}
        if self.kind in ("masks", "images") and one.beside is not None:  # `_require_kind` saw to it
            beside = _read_beside(one.beside, one.path, read)
            if self.kind == "masks":
                made["mask"] = framed_mask(beside, settings, one.beside)
            else:
                made["wanted"] = framed(beside, settings, one.beside)
        return made


def index_of(settings: FolderSettings, kind: Kind) -> FolderIndex:
    """The index of a folder as it is now.

    Args:
        settings: where it is, and what is made of it.
        kind: what must belong to each picture.

    Raises:
        AssayError: when something is missing or unreadable, there are fewer than `LEAST_PICTURES`, or a class is
            missing in a split.
    """
    listed = list_pictures(settings)
    _require_kind(settings, kind, listed)
    files = sorted({path for one in listed for path in (one.path, one.beside) if path is not None})
    stamps = tuple((str(path), (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files)
    return _index(settings, kind, tuple(listed), stamps)


@lru_cache(maxsize=4)
def _index(
    settings: FolderSettings,
    kind: Kind,
    listed: tuple[Listed, ...],
    stamps: Stamps,  # noqa: ARG001
) -> FolderIndex:
    whole, looks, skipped = [], [], {}
    for one in listed:
        try:
            picture = read_picture(one.path)
            if one.beside is not None:
                read_picture(one.beside)
        except UnreadablePictureError as error:
            if settings.unreadable == "refuse":
                raise AssayError(f"{error}, or say `unreadable: skip` in params.yaml to leave it out") from error
            skipped[one.name] = str(error)
            continue
        whole.append(one)
        looks.append(look_of(grey(picture)))
    if len(whole) < LEAST_PICTURES:
        left = f" ({len(skipped)} cannot be read)" if skipped else ""
        raise AssayError(
            f"simulate.path = {settings.path}: has {len(whole)} pictures{left}: at least {LEAST_PICTURES} are needed"
        )
    groups = _groups(whole, alike(looks))
    shares = {split: getattr(settings, f"{split}_fraction") for split in SPLITS[1:]}
    labels = [one.label for one in whole]
    splits = deal([groups[one.name] for one in whole], labels, shares=shares, seed=settings.seed)
    members = {split: tuple(one for one, of in zip(whole, splits, strict=True) if of == split) for split in SPLITS}
    _require_shares(members, groups)
    _require_classes(members)
    read = {path for one in whole for path in (one.path, one.beside) if path is not None}
    told = [[one.name, one.label, groups[one.name], one.licence, one.credit] for one in whole]
    return FolderIndex(
        settings=settings,
        kind=kind,
        members=members,
        labels=tuple(sorted({label for label in labels if label is not None})),
        groups=groups,
        digest=value_digest({"files": sorted(file_sha256(path) for path in read), "told": told}),
        skipped=skipped,
    )


def _require_kind(settings: FolderSettings, kind: Kind, listed: Sequence[Listed]) -> None:
    """See that there is what must belong to each picture."""
    if kind == "classes":
        if settings.table is None:
            raise AssayError("simulate.table is missing: name the table that says what is on each picture")
        unlabelled = [one.name for one in listed if one.label is None]
        if unlabelled:
            raise AssayError(
                f"{settings.table} has no {settings.label_column!r} for {unlabelled[0]} (and {len(unlabelled) - 1} "
                "more): fill that column, or name another as simulate.label_column"
            )
    elif kind in ("masks", "images") and settings.masks is None:
        raise AssayError("simulate.masks is missing: name the folder of what belongs to each picture, by its name")


def _groups(whole: Sequence[Listed], look: "np.ndarray[Any, Any]") -> dict[str, str]:
    """Pictures that look alike, and those that are said to be of the same, are one group: its name for each."""
    said = pd.factorize(pd.Series([one.group or f" {one.name}" for one in whole]))[0]
    count = max(said.max(), look.max()) + 1
    # Pictures tie what is said to what is seen.
    ties = coo_matrix((np.ones(len(whole), dtype=bool), (said, count + look)), shape=(2 * count, 2 * count))
    number = connected_components(ties, directed=False)[1][said]
    names: dict[int, str] = {}
    for one, of in zip(whole, number, strict=True):
        names.setdefault(int(of), one.group or one.name)
    return {one.name: names[int(of)] for one, of in zip(whole, number, strict=True)}


def _require_shares(members: Mapping[str, Sequence[Listed]], groups: Mapping[str, str]) -> None:
    """See that no group of pictures is so large that the other splits go short."""
    name, size = Counter(groups.values()).most_common(1)[0]
    if size > _LARGEST_GROUP * len(groups):
        raise AssayError(
            f"{size} of {len(groups)} pictures are of one group with {name} (as said, or by their look), and a "
            "group is in one split: add pictures of other objects, or show more of their details"
        )
    empty = [split for split, pictures in members.items() if not pictures]
    if empty:
        raise AssayError(f"no picture is in the split {empty[0]}: add pictures, or raise its share in params.yaml")


def _require_classes(members: Mapping[str, Sequence[Listed]]) -> None:
    """See that every class is in every split: groups of several classes may leave one out."""
    everywhere = {one.label for pictures in members.values() for one in pictures}
    for split, pictures in members.items():
        missing = sorted(str(label) for label in everywhere - {one.label for one in pictures})
        if missing:
            raise AssayError(
                f"no picture of class {missing[0]!r} is in the split {split}: add pictures of it, or other groups"
            )


def _read_beside(path: Path, of: Path, picture: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """What belongs to a picture, which must have its size."""
    found = read_picture(path)
    if found.shape[:2] != picture.shape[:2]:
        sizes = " × ".join(map(str, found.shape[:2])), " × ".join(map(str, picture.shape[:2]))
        raise AssayError(f"{path}: has {sizes[0]} pixels, and its picture {of} has {sizes[1]}: save both in one size")
    return found
