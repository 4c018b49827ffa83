"""What params.yaml says of pictures on disk: where they are, what belongs to them, and what is made of them."""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from components.core import CHECKED, PLACE, DataSettings

__label__ = None

Side = Annotated[int, Field(ge=8, le=4096)]


@dataclass(frozen=True, kw_only=True, config=CHECKED)
class FolderSettings(DataSettings):
    """The `simulate` section where pictures are read and not drawn."""

    source: Literal["folder"]
    path: str
    """Folder of the pictures, those in folders below it too; from the folder of params.yaml unless it is absolute."""
    root: str = field(default="", metadata=PLACE)
    """What `path` and the others start from; set when params.yaml is read."""
    masks: str | None = None
    """Folder of their masks, or of the pictures that are wanted in their stead: each has its picture's name."""
    table: str | None = None
    """CSV, Parquet or FITS table with a row a picture."""
    picture_column: str = "picture"
    """Its column with the pictures' names, with their endings or without."""
    label_column: str = "label"
    """Its column with what is on them."""
    group_column: str | None = None
    """Its column with what they are pictures of: those of one group are all in one split."""
    group_pattern: str | None = None
    """Regular expression whose first group, found in a picture's name, is what it is a picture of."""
    height: Side
    """Pixels of what a model is given."""
    width: Side
    channels: Literal[1, 3] = 1
    """Grey, or colour; a grey picture has its band three times then."""
    framing: Literal["crop", "stretch", "cut"] = "crop"
    """`crop`: the largest window of the wanted shape in the middle, resized; `stretch`: all of it, resized, its shape
    not kept; `cut`: the pixels in the middle as they are."""
    unreadable: Literal["refuse", "skip"] = "refuse"
    """What becomes of files that cannot be read: they end the command, or are left out and counted."""
    licence: str = ""
    """Under which terms the pictures stand; a column `licence` of the table says it of each."""
    credit: str = ""
    """Where they come from; a column `credit` of the table says it of each."""
