"""Whether a package is signed by whom its user trusts: an ed25519 signature over the manifest.

check_signature(SOURCE / "model/package.json")     # nothing happens unless ASSAY_PUBLIC_KEY names a key in PEM
"""

import os
from pathlib import Path

_KEY = "ASSAY_PUBLIC_KEY"


def check_signature(manifest: Path) -> None:
    """Check the signature beside a manifest.

    Raises:
        ValueError: when it is missing or another key's, or the public key cannot be read; in one line.
    """
    path = os.environ.get(_KEY)
    if not path:
        return
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(Path(path).read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{_KEY} {path} cannot be read ({error}): it must be a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{_KEY} {path} is no ed25519 key")
    signature = manifest.with_suffix(".sig")
    if not signature.is_file():
        raise ValueError(f"{signature} is missing: the package is not signed, and {_KEY} asks for it")
    try:
        key.verify(bytes.fromhex(signature.read_text(encoding="ascii")), manifest.read_bytes())
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read ({error.strerror}): the package is damaged") from error
    except (InvalidSignature, ValueError) as error:
        raise ValueError(f"{signature} is not a signature of this package by the key of {path}") from error
