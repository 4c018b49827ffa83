"""Sign packages: an ed25519 signature over the manifest, with the private key in the file that ASSAY_SIGNING_KEY names.

    openssl genpkey -algorithm ed25519 -out assay.key
    openssl pkey -in assay.key -pubout -out assay.pub

A service that is started with ASSAY_PUBLIC_KEY=assay.pub answers with packages of that key only
(`services/signature.py`). Without the variables nothing is signed and nothing asked for.
"""

import os
from pathlib import Path

from components.core import AssayError

_KEY = "ASSAY_SIGNING_KEY"


def sign(content: bytes) -> bytes | None:
    """The signature of some bytes as hex; None when there is no key.

    Raises:
        AssayError: when the key cannot be read.
    """
    path = os.environ.get(_KEY)
    if not path:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AssayError(f"{_KEY} {path} cannot be read ({error}): it must be an ed25519 key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AssayError(f"{_KEY} {path} is no ed25519 key: make one with `openssl genpkey -algorithm ed25519`")
    return key.sign(content).hex().encode()
