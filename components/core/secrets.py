"""Secrets: from a variable of the environment, or from a file that only its owner reads; never from a committed file.

    ASSAY_NOTIFY_SECRET=…                      or     ASSAY_NOTIFY_SECRET_FILE=/run/secrets/notify
    secret("ASSAY_NOTIFY_SECRET")

What is said of one to a terminal or a log is at most the host of an address (`host_of`).
"""

import stat
from pathlib import Path
from urllib.parse import urlsplit

from components.core.environment import variable
from components.core.errors import AssayError

__label__ = None

_NOTIFY_URL = "ASSAY_NOTIFY_URL"
_NO_ADDRESS = "no address"
_HERE = ("127.0.0.1", "localhost")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def secret(name: str) -> str | None:
    """What the variable says, or the file that the variable with `_FILE` behind its name names; None without either.

    Raises:
        AssayError: when that file cannot be read, or other accounts can read it.
    """
    said, file = variable(name), variable(f"{name}_FILE")
    if said is not None:
        return said
    if not file:
        return None
    path = Path(file)
    try:
        if path.stat().st_mode & _OTHERS:
            raise AssayError(f"{name}_FILE {path} is open to other accounts: type `chmod 600 {path}`")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AssayError(f"{name}_FILE {path} cannot be read ({error}): it must hold the secret alone") from error


def notify_url() -> str | None:
    """The address that events are posted to; None where nobody is to be told that way. Whoever knows it may post, too.

    Raises:
        AssayError: as `secret`, and when anybody could listen to it.
    """
    url = secret(_NOTIFY_URL)
    if url is None:
        return None
    if host_of(url) == _NO_ADDRESS:
        raise AssayError(f"{_NOTIFY_URL} is no address: it must be https://HOST/…")
    where = urlsplit(url)
    if where.scheme != "https" and not (where.scheme == "http" and where.hostname in _HERE):
        raise AssayError(f"{_NOTIFY_URL} ({host_of(url)}) must begin with https://: anybody could listen to it")
    return url


def host_of(url: str) -> str:
    """All of an address that may be said aloud: user, password, path and query may be secrets."""
    try:
        where = urlsplit(url)
    except ValueError:  # such as brackets that do not close
        return _NO_ADDRESS
    return f"{where.scheme}://{where.hostname}" if where.hostname else _NO_ADDRESS
