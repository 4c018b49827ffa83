"""Verify a package: each file against its list, and the list against who signed it. Needs `cryptography` alone.

    python -I services/verify.py PACKAGE --key assay.pub
    python -I services/verify.py PACKAGE --key assay.pub -- bentoml serve PACKAGE     # answers only once it is verified

A package cannot vouch for itself, so nothing of it is imported: keep this file and the key where nobody writes who can
write packages. `PACKAGE/SHA256SUMS` lists every file (`sha256sum --check` reads it); `PACKAGE/provenance.dsse.json` is
an in-toto statement about that list (attestation framework v1, predicate SLSA provenance v1), signed with ed25519 in a
DSSE envelope (secure-systems-lab, DSSE v1.0.2), which other tools check as well.
"""

import argparse
import base64
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

SUMS = "SHA256SUMS"
PROVENANCE = "provenance.dsse.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_CACHES = "__pycache__"


class DamagedPackageError(ValueError):
    """A file of a package is not what was packaged.

    Args:
        file: the file.
        what: what is wrong with it.
    """

    def __init__(self, file: Path, what: str) -> None:
        super().__init__(f"{file} {what}: the package is damaged")
        self.file, self.what = file, what


class UntrustedPackageError(ValueError):
    """Nobody whose key was given has signed this package, or the key cannot be read."""


def sums(package: Path) -> str:
    """The list of every file of a folder, as `sha256sum` writes it."""
    listed = {str(file.relative_to(package)): file for file in package.rglob("*") if file.is_file()}
    names = sorted(name for name in listed if name not in (SUMS, PROVENANCE))
    return "".join(f"{_sha256(listed[name])}  {name}\n" for name in names)


def check_files(package: Path, *, caches: bool = False) -> str:
    """Compare every file with the list.

    Args:
        package: the folder of the list.
        caches: whether Python's own caches may lie there, which it believes without a look at the source. A service
            that was started by hand has written some before it can ask.

    Returns:
        The package's digest: SHA-256 of the list.

    Raises:
        DamagedPackageError: when a file is missing, added or not what was packaged; the message names it.
    """
    recorded, digest = _read_sums(package)
    for name, sha256 in recorded.items():
        file = package / name
        if not file.is_file():
            raise DamagedPackageError(file, "is missing")
        try:
            found = _sha256(file)
        except OSError as error:
            raise DamagedPackageError(file, f"cannot be read ({error.strerror})") from error
        if found != sha256:
            raise DamagedPackageError(file, "is not what was packaged")
    for file in package.rglob("*"):
        if file.is_symlink():  # what it leads to is in no list
            raise DamagedPackageError(file, "is a link")
        # One file more is a danger, too: a `torch.py` would be imported in place of torch.
        known = str(file.relative_to(package)) in {*recorded, SUMS, PROVENANCE}
        if not file.is_dir() and not known and not (caches and file.parent.name == _CACHES):
            raise DamagedPackageError(file, "was not packaged")
    return digest


def check_signature(package: Path, key: Path) -> dict[str, Any]:
    """The statement that the owner of a key has signed about a package, whose files are as they are listed.

    Args:
        package: its folder.
        key: a file with an ed25519 public key in PEM.

    Raises:
        DamagedPackageError: as `check_files`.
        UntrustedPackageError: when it is not signed, signed by another key or about another package, or the key cannot
            be read; in one line.
    """
    from cryptography.exceptions import InvalidSignature

    public, digest, file = read_public_key(key), check_files(package), package / PROVENANCE
    if not file.is_file():
        raise UntrustedPackageError(f"{file} is missing: the package is not signed")
    try:
        envelope = json.loads(file.read_bytes())
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in envelope["signatures"]]
        statement: dict[str, Any] = json.loads(payload)
        about = {subject["digest"]["sha256"] for subject in statement["subject"]}
        kinds = (envelope["payloadType"], statement["_type"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UntrustedPackageError(f"{file} is no signed statement ({type(error).__name__})") from error
    for signature in signatures:
        try:
            public.verify(signature, signed_bytes(payload))
            break
        except InvalidSignature:
            continue
    else:
        raise UntrustedPackageError(f"{file} is not signed by the key of {key}")
    if kinds != (PAYLOAD_TYPE, STATEMENT_TYPE):
        raise UntrustedPackageError(f"{file} holds {' with '.join(map(str, kinds))}: no in-toto statement")
    if digest not in about:
        raise UntrustedPackageError(f"{file} is about another package ({', '.join(sorted(about))[:140]})")
    return statement


def signed_bytes(payload: bytes) -> bytes:
    """What is signed of a payload: DSSE's pre-authentication encoding, by which no payload passes for another type."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def read_public_key(path: Path) -> Any:
    """An ed25519 public key.

    Raises:
        UntrustedPackageError: when there is none in the file.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise UntrustedPackageError(f"key {path} cannot be read ({error}): it must be a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise UntrustedPackageError(f"key {path} is no ed25519 key")
    return key


def main(arguments: list[str]) -> None:
    """Verify a package, say so in a line, and run what follows `--`."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a package of Assay.")
    parser.add_argument("package", type=Path, help="its folder, with SHA256SUMS")
    parser.add_argument("--key", type=Path, required=True, help="whose signature counts: a public key in PEM")
    mine, _, command = (list(part) for part in _split(arguments))
    given = parser.parse_args(mine)
    try:
        statement = check_signature(given.package, given.key)
    except ValueError as error:
        raise SystemExit(f"refused: {error}") from error
    names = ", ".join(str(subject.get("name")) for subject in statement["subject"])
    print(f"verified: {names} in {given.package}, signed by the key of {given.key}", file=sys.stderr)
    if command:
        # It has no bytecode, and gets none: what is verified once stays as it is.
        os.execvpe(command[0], command, os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})  # noqa: S606


def _split(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place : place + 1], arguments[place + 1 :]


def _read_sums(package: Path) -> tuple[dict[str, str], str]:
    """SHA-256 of each file that is listed, and of the list."""
    path, recorded = package / SUMS, {}
    try:
        content = path.read_bytes()
        for line in content.decode().splitlines():
            sha256, _, name = line.partition("  ")
            inside = not Path(name).is_absolute() and ".." not in Path(name).parts
            if len(sha256) != 64 or not name or not inside or name in recorded:
                raise ValueError(line)
            recorded[name] = sha256
    except (OSError, ValueError) as error:
        raise DamagedPackageError(path, f"is missing or no list of files ({type(error).__name__})") from error
    return recorded, hashlib.sha256(content).hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
