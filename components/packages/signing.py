"""Sign packages with the ed25519 key in the file that ASSAY_SIGNING_KEY names, and ask for the one of ASSAY_PUBLIC_KEY.

    openssl genpkey -algorithm ed25519 -out assay.key
    openssl pkey -in assay.key -pubout -out assay.pub

Only what was built a moment ago, or is what the ledger names, may be handed to `sign_package`: a signature says that
this house made it. Without the variables nothing is signed and nothing asked for.
"""

import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.core import AssayError, IntegrityError, variable
from components.packages.files import Package
from components.packages.provenance import provenance
from services.verify import (
    PAYLOAD_TYPE,
    PROVENANCE,
    DamagedPackageError,
    UntrustedPackageError,
    check_signature,
    signed_bytes,
)

_SIGNING, PUBLIC = "ASSAY_SIGNING_KEY", "ASSAY_PUBLIC_KEY"


def sign_package(package: Package) -> bool:
    """Lay a signed statement beside the list of files, where there is a key; one that stands there and holds stays.

    Returns:
        Whether there was none that holds.

    Raises:
        AssayError: when the key cannot be read.
    """
    key = _signing_key()
    if key is None:
        return False
    payload = json.dumps(provenance(package.tag, package.digest, package.manifest["model"]), sort_keys=True).encode()
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": _key_id(key), "sig": base64.b64encode(key.sign(signed_bytes(payload))).decode()}
        ],
    }  # fmt: skip
    content = (json.dumps(envelope, indent=1) + "\n").encode()
    target = package.folder / PROVENANCE
    if target.is_file() and target.read_bytes() == content:
        return False
    _lay(package, content)
    return True


def take_signature(package: Package, signature: Path) -> None:
    """Lay a signature that was made elsewhere beside a package's list of files, in place of another.

    Args:
        package: in the store.
        signature: the file, from wherever: it is believed by whoever has the public key.
    """
    _lay(package, signature.read_bytes())


def _lay(package: Package, content: bytes) -> None:
    partial = package.folder.parent / f"{package.folder.name}.partial"  # beside it, if killed
    partial.write_bytes(content)
    partial.replace(package.folder / PROVENANCE)


def signs_here() -> bool:
    """Whether this machine has a key to sign with."""
    return bool(variable(_SIGNING))


def is_signed(package: Package) -> bool:
    """Whether a package has a signature: of the key of ASSAY_PUBLIC_KEY, where that is set."""
    with suppress(IntegrityError):
        check_signed(package)
        return (package.folder / PROVENANCE).is_file()
    return False


def check_signed(package: Package) -> None:
    """See that a package is signed by the key of ASSAY_PUBLIC_KEY; nothing happens without that variable.

    Raises:
        IntegrityError: when it is not; in one line.
    """
    path = variable(PUBLIC)
    if path:
        signed_statement(package.folder, Path(path))


def signed_statement(folder: Path, key: Path) -> dict[str, Any]:
    """What the owner of a key has signed about the package in a folder, whose files are as they are listed.

    Raises:
        IntegrityError: when a file is not what was packaged, or the package is not signed by that key; in one line.
    """
    try:
        return check_signature(folder, key)
    except DamagedPackageError as error:
        raise IntegrityError(str(error), "build it again, or fetch it from where it was built") from error
    except UntrustedPackageError as error:
        raise IntegrityError(str(error), f"do not serve it, unless {_SIGNING} was not set when it was built") from error


def _signing_key() -> Any:
    path = variable(_SIGNING)
    if not path:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AssayError(f"{_SIGNING} {path} cannot be read ({error}): it must be an ed25519 key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AssayError(f"{_SIGNING} {path} is no ed25519 key: make one with `openssl genpkey -algorithm ed25519`")
    return key


def _key_id(key: Any) -> str:
    """SHA-256 of the public key, by which a verifier with many finds the right one."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
