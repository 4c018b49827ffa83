"""Maps of an answer become files that other programs read; numbers and lists do not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.core.errors import AssayError
from components.fields.pictures import read_picture
from flows.saved_maps import save_maps


def test_maps_are_kept_by_the_names_of_file_and_output_and_pictures_as_png_too(tmp_path: Path) -> None:
    picture, mask = np.random.default_rng(1).uniform(size=(3, 4, 6)).round(3), np.eye(4)
    maps = {"restored": picture.tolist(), "restored_error": picture.tolist(), "mask": mask.tolist()}
    answer = {**maps, "flux": 3.0, "classes": [0.2, 0.8]}
    saved = save_maps(tmp_path / "new" / "folder", [Path("x/galaxy.fits.gz")], [{"answer": answer}])
    assert [path.name for path in saved] == [
        "galaxy.restored.npy", "galaxy.restored.png", "galaxy.restored_error.npy", "galaxy.mask.npy"
    ]  # fmt: skip
    np.testing.assert_array_equal(np.load(saved[0]), picture.astype(np.float32))
    np.testing.assert_allclose(read_picture(saved[1]), np.moveaxis(picture, 0, 2), atol=0.5 / 255 + 1e-6)
    assert Image.open(saved[1]).size == (6, 4)


def test_files_of_one_name_would_overwrite_each_other_and_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssayError, match="more than one is called galaxy"):
        save_maps(tmp_path / "folder", [Path("a/galaxy.png"), Path("b/galaxy.fits")], [{}, {}])
    assert not (tmp_path / "folder").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(AssayError, match="file: is a file: name a folder"):
        save_maps(tmp_path / "file", [Path("a/galaxy.png")], [{}])
