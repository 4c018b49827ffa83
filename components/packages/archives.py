"""Packages on their way between machines: packed into one file, unpacked, placed in the store, found wherever one lies.

    archive = pack_package(package, folder)                                # 0123….tar
    signature = pack_signature(package, folder)                            # 0123….dsse.json; None of an unsigned one
    package = unpack_package(workspace, tag, digest, archive, signature)
    package = bring_back_package(workspace, tag, digest)                   # which was put aside

An archive is believed by the digest that the ledger has of the package in it, and by nothing else. The signature goes
beside it: a package is signed after it was built, too, and again by another key.
"""

import hashlib
import shutil
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from components.core import AssayError, IntegrityError, Workspace, scratch_folder
from components.packages.files import DISCARDED, Package, discard_package, open_package, package_folder, verify_package
from components.packages.signing import sign_package
from services.verify import PROVENANCE, SUMS


def place_package(workspace: Workspace, built: Package) -> None:
    """Put a package that was built or fetched into the store and sign it; the very same one stays, it may be at work.

    What else lies under its tag is put aside once this one is whole. Of several processes that fetch or build the same
    the first one's stays.
    """
    target = package_folder(workspace, built.tag)
    locks = workspace.home / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "packages.lock"):
        with suppress(AssayError):
            sign_package(verify_package(workspace, built.tag, digest=built.digest))  # the key may be newer than it
            return
        sign_package(built)
        target.parent.mkdir(parents=True, exist_ok=True)
        discard_package(workspace, built.tag)
        built.folder.rename(target)
        # BentoML remembers here which version is the newest, and finds it anew when the file is gone.
        (target.parent / "latest").unlink(missing_ok=True)


def archive_name(digest: str) -> str:
    """What the archive of a package is called."""
    return f"{digest}.tar"


def signature_name(digest: str) -> str:
    """What the signature of a package is called, beside its archive."""
    return f"{digest}.dsse.json"


def pack_package(package: Package, folder: Path) -> Path:
    """Pack a package into one file in a folder; the same package makes the same bytes, whoever signed it."""
    target = folder / archive_name(package.digest)
    with tarfile.open(target, "w") as archive:
        unsigned = {file for file in package.folder.rglob("*") if file.is_file()} - {package.folder / PROVENANCE}
        for file in sorted(unsigned):
            info = archive.gettarinfo(file, arcname=file.relative_to(package.folder).as_posix())
            info.mtime, info.uid, info.gid, info.uname, info.gname, info.mode = 0, 0, 0, "", "", 0o644
            with file.open("rb") as content:
                archive.addfile(info, content)
    return target


def pack_signature(package: Package, folder: Path) -> Path | None:
    """Copy the signature of a package into a folder; None where it has none."""
    signature = package.folder / PROVENANCE
    return shutil.copyfile(signature, folder / signature_name(package.digest)) if signature.is_file() else None


def unpack_package(
    workspace: Workspace, tag: str, digest: str, archive: Path, signature: Path | None = None
) -> Package:
    """Put the package of an archive into the store, once it is sure that it is the one.

    Args:
        workspace: where the store is.
        tag: of the package.
        digest: that of the ledger.
        archive: as `pack_package` wrote it, from wherever.
        signature: as `pack_signature` wrote it, the same.

    Raises:
        IntegrityError: when it holds another package, or none.
    """
    with scratch_folder(workspace) as folder:
        target = folder / "package"
        try:
            with tarfile.open(archive) as opened:
                opened.extractall(target, filter="data")  # no links that lead out, no devices, no absolute paths
        except (tarfile.TarError, OSError) as error:
            raise IntegrityError(f"{archive.name}, kept as package {tag}, cannot be unpacked ({error})") from error
        if signature is not None:
            shutil.copyfile(signature, target / PROVENANCE)
        found = open_package(target, tag)
        if found.digest != digest:
            raise IntegrityError(f"{archive.name} holds another package than {tag} (digest {found.digest[:12]})")
        place_package(workspace, found)
    return verify_package(workspace, tag, digest=digest)


def bring_back_package(workspace: Workspace, tag: str, digest: str) -> Package | None:
    """Put a package back into the store that was put aside whole; None when there is none with that digest."""
    for folder in put_aside(workspace, digest):
        with suppress(AssayError):
            place_package(workspace, open_package(folder, tag))
            return verify_package(workspace, tag, digest=digest)
    return None


def put_aside(workspace: Workspace, digest: str) -> list[Path]:
    """The folders of what was put aside whose list of files is that of a package, whatever else became of them."""
    aside = workspace.home / DISCARDED
    return [folder for folder in sorted(aside.glob("*")) if listed_as(folder) == digest]


def listed_as(folder: Path) -> str | None:
    """Digest of the list of files that a folder holds; None where it holds none."""
    try:
        return hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()
    except OSError:
        return None


def take_strays_away(workspace: Workspace, tag: str) -> list[Path]:
    """Move what lies in a package and was not packaged out of it, to where it can be looked at.

    Returns:
        What was moved, by its place in the package.
    """
    folder = package_folder(workspace, tag)
    try:
        listed = {line.partition("  ")[2] for line in (folder / SUMS).read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError):
        return []
    known = {folder / name for name in (*listed, SUMS, PROVENANCE)}
    strays = [file for file in folder.rglob("*") if (file.is_symlink() or not file.is_dir()) and file not in known]
    if strays:
        kept = Path(tempfile.mkdtemp(dir=_made(workspace.home / DISCARDED), prefix=f"{tag.replace(':', '-')}-strays-"))
        for number, file in enumerate(strays):
            shutil.move(file, kept / f"{number}-{file.name}")
    return [file.relative_to(folder) for file in strays]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
