"""A folder as a dataset: what is stored, who is in which split, and one line for whatever is wrong with it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from components.core.errors import AssayError
from components.simulators.folders.index import FolderIndex, Kind, index_of
from components.simulators.folders.settings import FolderSettings
from tests.pictures import LABELS, make_folder, settings_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("made") / "mine")


@pytest.fixture
def mine(made: Path, tmp_path: Path) -> Path:
    """A folder to do anything with."""
    return shutil.copytree(made, tmp_path / "mine")


def split_of(index: FolderIndex) -> dict[str, str]:
    return {one.name: split for split, members in index.members.items() for one in members}


def edit(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(folder / "labels.csv")).to_csv(folder / "labels.csv", index=False)


def test_each_class_has_its_share_of_each_split(mine: Path) -> None:
    index = index_of(settings_of(mine), "classes")
    assert index.counts == {"train": 36, "validation": 6, "test": 12, "confirmation": 6}
    assert index.labels == LABELS
    for split, count in index.counts.items():
        columns = index.shard(split, range(count)).columns
        assert columns["class"].mean() == 0.5
        assert set(columns["licence"]) == {"CC BY 4.0"}
    assert index.material["pictures"] == 60
    assert index.material["licences"] == {"CC BY 4.0": 60}
    assert index.material["credits"] == {"nobody": 60}


def test_pictures_and_masks_are_stored_in_one_frame(mine: Path) -> None:
    index = index_of(settings_of(mine, height=24, width=24), "masks")
    shard = index.shard("train", range(3))
    picture, mask = shard.arrays["picture"], shard.arrays["mask"]
    assert (picture.shape, mask.shape, picture.dtype) == ((3, 1, 24, 24), (3, 24, 24), np.float32)
    name = shard.columns["file"][0]
    levels = np.asarray(Image.open(mine / "pictures" / f"{name}.png"))
    np.testing.assert_allclose(picture[0, 0], levels / 255, atol=1e-5)
    np.testing.assert_array_equal(mask[0] == 1, np.asarray(Image.open(mine / "masks" / f"{name}.png")) == 255)


def test_the_same_files_elsewhere_give_the_same_bytes_and_a_changed_one_another_digest(mine: Path) -> None:
    one, other = (index_of(settings_of(folder), "masks") for folder in (mine, shutil.copytree(mine, mine / ".." / "b")))
    assert one.digest == other.digest
    assert split_of(one) == split_of(other)
    for name, array in one.shard("test", range(5)).arrays.items():
        assert array.tobytes() == other.shard("test", range(5)).arrays[name].tobytes()
    levels = np.asarray(Image.open(mine / "pictures" / "g000.png")).copy()
    levels[0, 0] ^= 1
    Image.fromarray(levels).save(mine / "pictures" / "g000.png")
    changed = index_of(settings_of(mine), "masks")
    assert changed.digest != one.digest
    assert split_of(changed) == split_of(one)


def test_other_kinds_of_copies_of_a_picture_are_in_its_split(mine: Path) -> None:
    for number in range(20):
        path = mine / "pictures" / f"g{number:03d}.png"
        copy = Image.open(path).transpose(Image.Transpose.TRANSPOSE).resize((48, 48), Image.Resampling.BILINEAR)
        copy.save(mine / "pictures" / f"copy{number:03d}.jpg", quality=90)
    index = index_of(settings_of(mine, table=None, masks=None), "pictures")
    found = split_of(index)
    assert all(found[f"copy{number:03d}"] == found[f"g{number:03d}"] for number in range(20))
    assert index.material["groups"] == 60


def test_pictures_of_one_group_are_in_one_split(mine: Path) -> None:
    edit(mine, lambda table: table.assign(object=[f"galaxy {row // 4}" for row in table.index]))
    for settings in (settings_of(mine, group_column="object"), settings_of(mine, group_pattern=r"g(\d\d)")):
        found = split_of(index_of(settings, "masks"))
        step = 4 if settings.group_column else 10
        for start in range(0, 60, step):
            assert len({found[f"g{number:03d}"] for number in range(start, start + step)}) == 1


def test_colour_and_grey_pictures_come_in_the_bands_that_are_asked_for(mine: Path) -> None:
    colour = np.zeros((24, 24, 3), dtype=np.uint8)
    colour[..., 0] = 255
    colour[3:9, 4:7, 1] = 200
    Image.fromarray(colour).save(mine / "pictures" / "g001.png")
    for channels, red in ((1, 0.299), (3, 1.0)):
        index = index_of(settings_of(mine, channels=channels, table=None, masks=None), "pictures")
        split = split_of(index)["g001"]
        rows = range(index.counts[split])
        place = list(index.shard(split, rows).columns["file"]).index("g001")
        stored = index.shard(split, rows).arrays["picture"][place]
        assert stored.shape == (channels, 16, 16)
        assert stored[0, 15, 15] == pytest.approx(red, abs=1e-4)


def test_frames_are_cropped_stretched_or_cut(mine: Path) -> None:
    wide = np.zeros((24, 40), dtype=np.uint8)
    wide[:, 8:32] = 200
    Image.fromarray(wide).save(mine / "pictures" / "g000.png")
    means = {}
    for framing in ("crop", "stretch", "cut"):
        index = index_of(settings_of(mine, framing=framing, table=None, masks=None), "pictures")
        split = split_of(index)["g000"]
        shard = index.shard(split, range(index.counts[split]))
        means[framing] = float(shard.arrays["picture"][list(shard.columns["file"]).index("g000")].mean() * 255)
    assert means == pytest.approx({"crop": 200, "stretch": 120, "cut": 200}, rel=0.03)


def flat(value: int, size: tuple[int, int] = (24, 24)) -> Image.Image:
    return Image.fromarray(np.full(size, value, dtype=np.uint8))


def remove(mine: Path, pattern: str) -> None:
    for path in (mine / "pictures").glob(pattern):
        path.unlink()


RAMP = np.arange(576, dtype=np.uint8).reshape(24, 24)
FAULTS: dict[str, tuple[Callable[[Path], Any], dict[str, Any], Kind, str]] = {
    "a mask of another size": (
        lambda mine: flat(255, (24, 20)).save(mine / "masks" / "g003.png"),
        {}, "masks", r"masks/g003.png: has 24 × 20 pixels, and its picture .*g003.png has 24 × 24",
    ),
    "a mask that is not binary": (
        lambda mine: Image.fromarray(RAMP).save(mine / "masks" / "g003.png"),
        {}, "masks", r"masks/g003.png: has \d+ values, 0 to 1: a mask has two",
    ),
    "no mask": (
        lambda mine: (mine / "masks" / "g003.png").unlink(), {}, "masks", "g003: in pictures, and not in masks: add",
    ),
    "a mask of nobody": (
        lambda mine: flat(0).save(mine / "masks" / "x.png"), {}, "masks", "x: in masks, and not in pictures",
    ),
    "no folder of masks": (lambda mine: None, {"masks": None}, "masks", "simulate.masks is missing"),
    "one name twice": (
        lambda mine: flat(0).save(mine / "pictures" / "g003.tif"), {}, "masks", "g003.tif have one name",
    ),
    "too few pictures": (
        lambda mine: remove(mine, "g0[01]*"),
        {"table": None, "masks": None}, "pictures", "simulate.path = pictures: has 40 pictures: at least 50 are needed",
    ),
    "a damaged picture": (
        lambda mine: (mine / "pictures" / "g003.png").write_bytes(b"no"), {}, "masks",
        r"g003.png: cannot be read as a picture .*or say `unreadable: skip` in params.yaml",
    ),
    "no folder": (lambda mine: None, {"path": "elsewhere"}, "pictures", "elsewhere: there is no such folder"),
    "nothing in it": (
        lambda mine: (mine / "empty").mkdir(), {"path": "empty"}, "pictures",
        "simulate.path = .*empty: no picture in it",
    ),
    "no table": (lambda mine: None, {"table": None}, "classes", "simulate.table is missing"),
    "no such table": (
        lambda mine: None, {"table": "x.csv"}, "classes", "x.csv: there is no such file",
    ),
    "no table at all": (
        lambda mine: (mine / "x.parquet").write_bytes(b"no"), {"table": "x.parquet"}, "classes",
        "cannot be read as a table",
    ),
    "no column of names": (
        lambda mine: None, {"picture_column": "file"}, "classes", "has no column 'file': it has picture, label",
    ),
    "no column of classes": (
        lambda mine: None, {"label_column": "kind"}, "classes", "labels.csv has no 'kind' for g000 .and 59 more.",
    ),
    "a picture without a row": (
        lambda mine: edit(mine, lambda table: table[:-1]), {}, "classes", "g059: in pictures, and not in labels.csv",
    ),
    "a picture with two rows": (
        lambda mine: edit(mine, lambda table: pd.concat([table, table[-1:]])), {}, "classes", "two rows for g059",
    ),
    "a class of one": (
        lambda mine: edit(mine, lambda table: table.assign(label=["odd", *table["label"][1:]])), {}, "classes",
        "class 'odd' has 1 groups of pictures, and each of the 4 splits needs one",
    ),
    "a class that its groups keep out of a split": (
        lambda mine: edit(mine, lambda table: table.assign(
            object=[f"o{row // 2}" for row in table.index],
            label=["disc" if row % 2 == 0 or row > 9 else "ring" for row in table.index],
        )), {"group_column": "object"}, "classes", "no picture of class 'ring' is in the split",
    ),
    "no group in a name": (
        lambda mine: None, {"group_pattern": "(x)"}, "masks", r"'\(x\)' finds no group in the name 'g000'",
    ),
    "too few pixels": (
        lambda mine: None, {"framing": "cut", "height": 32}, "pictures",
        "has 24 × 24 pixels, and 32 × 16 are to be cut out of its middle",
    ),
}  # fmt: skip


def read_all(settings: FolderSettings, kind: Kind) -> None:
    index = index_of(settings, kind)
    for split, count in index.counts.items():
        index.shard(split, range(count))


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_folder_is_said_in_a_line(mine: Path, fault: str) -> None:
    spoil, changed, kind, said = FAULTS[fault]
    spoil(mine)
    with pytest.raises(AssayError, match=said) as caught:
        read_all(settings_of(mine, **changed), kind)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_is_skipped_where_the_settings_say_so_and_counted(mine: Path) -> None:
    (mine / "pictures" / "g003.png").write_bytes(b"no")
    (mine / "masks" / "g004.png").write_bytes(b"no")
    material = index_of(settings_of(mine, unreadable="skip"), "masks").material
    assert material["pictures"] == 58
    assert set(material["skipped"]) == {"g003", "g004"}
    assert "masks/g004.png: cannot be read" in material["skipped"]["g004"]


def test_what_lies_beside_pictures_is_passed_over(mine: Path) -> None:
    (mine / "pictures" / "notes.txt").write_text("mine")
    (mine / "pictures" / ".thumbnails").mkdir()
    flat(3).save(mine / "pictures" / ".thumbnails" / "g000.png")
    assert index_of(settings_of(mine), "masks").material["pictures"] == 60


def test_a_group_of_most_of_the_pictures_is_refused_by_name(mine: Path) -> None:
    """All of a group are in one split, so that the others would hardly have any."""
    edit(mine, lambda table: table.assign(object=["one"] * 40 + list(map(str, range(len(table) - 40)))))
    settings = settings_of(mine, group_column="object")
    with pytest.raises(AssayError, match=r"40 of 60 pictures are of one group with one .*: add pictures of other"):
        index_of(settings, "pictures")
