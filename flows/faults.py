"""What an error means for a user, in one line: what Assay says itself, and what tools raise.

    console.fail(one_line(error))

Wings turn what they know into an AssayError where they meet it; the rest ends here, so that no command ends otherwise.
"""

import errno
import re
from collections.abc import Iterator

from components.core import AssayError

_TOLD = (
    (
        re.compile("database is locked|database table is locked"),
        "a database of the state folder is locked by another program: let it finish, or end it, and repeat",
    ),
    (
        re.compile("file is not a database|database disk image is malformed"),
        "a database of the state folder is damaged: restore the state folder from a backup",
    ),
    (
        re.compile("no longer compatible with the table schema|Can't locate revision"),
        "a database of the state folder was made by another version of its library: type `make setup`, or restore "
        "the state folder from a backup of before",
    ),
)
"""What libraries say, and what it comes to."""


def one_line(error: Exception) -> str:
    """One line with the cause, its value and the next step; of the unforeseen, how to see more."""
    from models.descriptions import DamagedModelError
    from models.devices import NoDeviceError
    from models.estimators import NoCompilerError

    if isinstance(error, AssayError | DamagedModelError | NoCompilerError | NoDeviceError):
        return _on_one_line(error)
    for link in _causes(error):
        if isinstance(link, AssayError):
            return _on_one_line(link)
        for pattern, told in _TOLD:
            if pattern.search(str(link)):
                return f"{told} ({_on_one_line(link)[:200]})"
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename or 'ASSAY_HOME'}): free some, or set ASSAY_HOME to a larger disk"
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or _on_one_line(error)}: add --debug to see where"
    return f"unexpected {type(error).__name__}: {_on_one_line(error)[:300]}: add --debug to see where"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__


def _on_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
