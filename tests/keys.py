"""Keys to sign packages with, made as the documents say."""

import subprocess
from pathlib import Path


def keys(folder: Path) -> tuple[Path, Path]:
    """A private and a public ed25519 key, in a folder."""
    folder.mkdir(exist_ok=True)
    private, public = folder / "assay.key", folder / "assay.pub"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public
