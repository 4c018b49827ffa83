"""The remote that DVC keeps data in beside its cache, as `dvc remote add` wrote it: found, and seen to be of use.

default_remote(workspace)              # "store"; None where there is none
check_remote(workspace)                # an AssayError when machines cannot share data by it
"""

import configparser

from components.core import AssayError, Workspace, check_bucket, is_bucket

_ADD = "type `dvc remote add --default store s3://BUCKET/FOLDER` and commit .dvc/config"


def default_remote(workspace: Workspace) -> str | None:
    """The remote that `dvc push` would use."""
    return dvc_config(workspace).get("core", "remote", fallback=None)


def check_remote(workspace: Workspace) -> None:
    """See that there is a default remote, and that its bucket can be used where it is one.

    Raises:
        AssayError: when there is none, or it cannot.
    """
    name, config = default_remote(workspace), dvc_config(workspace)
    if name is None:
        raise AssayError("DVC has no default remote, and machines share data by one", _ADD)
    section = f"'remote \"{name}\"'"
    url = config.get(section, "url", fallback=None)
    if url is None:
        raise AssayError(f"DVC's default remote {name!r} has no address in .dvc/config", _ADD)
    if is_bucket(url):
        check_bucket(url, endpoint=config.get(section, "endpointurl", fallback=None))


def dvc_config(workspace: Workspace) -> configparser.ConfigParser:
    """What .dvc/config says, which config.local may overrule."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read([workspace.root / ".dvc" / "config", workspace.root / ".dvc" / "config.local"], encoding="utf-8")
    except configparser.Error as error:
        raise AssayError(f".dvc/config is not valid ({' '.join(str(error).split())}): correct it") from error
    return parser
