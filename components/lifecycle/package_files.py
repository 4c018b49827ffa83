"""The package that the ledger names, wherever it lies: in the store, put aside, or in MLflow's files.

    package = package_of(workspace, entry)
    keep_package(workspace, entry.problem, entry.version, package)       # for the other machines

Packages are known by the digest that the ledger has of them; another one is never taken in its place.
"""

from components.core import AssayError, Workspace, scratch_folder
from components.ledger import Entry
from components.packages import (
    Package,
    archive_name,
    bring_back_package,
    is_signed,
    pack_package,
    pack_signature,
    package_folder,
    signature_name,
    signs_here,
    take_signature,
    unpack_package,
    verify_package,
)
from components.registry import Registry


def package_of(workspace: Workspace, entry: Entry) -> Package:
    """The package of a version, fetched where this machine has not got it.

    Raises:
        IntegrityError: when the one that lies here is damaged or another; nothing is mended behind anybody's back.
        AssayError: when there is none anywhere.
    """
    tag, digest = _named(entry)
    if not package_folder(workspace, tag).is_dir():
        found = recovered_package(workspace, entry)
        if found is not None:
            return found
    return verify_package(workspace, tag, digest=digest)


def recovered_package(workspace: Workspace, entry: Entry) -> Package | None:
    """The package of a version from what was put aside, or from MLflow's files, in place of whatever lies here.

    Returns:
        None when neither has it.

    Raises:
        AssayError: when MLflow cannot be asked, or what it has is another package.
    """
    tag, digest = _named(entry)
    aside = bring_back_package(workspace, tag, digest)
    if aside is not None:
        return aside
    with scratch_folder(workspace) as folder:
        registry = Registry(workspace)
        archive = registry.fetch_package(entry.problem, entry.version, archive_name(digest), into=folder)
        if archive is None:
            return None
        signature = registry.fetch_package(entry.problem, entry.version, signature_name(digest), into=folder)
        return unpack_package(workspace, tag, digest, archive, signature)


def bring_signature(workspace: Workspace, entry: Entry, package: Package) -> bool:
    """Lay the signature that MLflow has beside a package without one, or with one that the public key here refuses.

    Returns:
        Whether it is signed now, and was not.

    Raises:
        AssayError: when MLflow does not know the version, or a key cannot be read.
    """
    if signs_here() or is_signed(package):
        return False
    with scratch_folder(workspace) as folder:
        name = signature_name(package.digest)
        signature = Registry(workspace).fetch_package(entry.problem, entry.version, name, into=folder)
        if signature is not None:
            take_signature(package, signature)
    return is_signed(package)


def keep_package(workspace: Workspace, problem: str, version: int, package: Package) -> bool:
    """Keep a package with its version in MLflow's files, and its signature; False when both are there already.

    Raises:
        AssayError: when MLflow does not know the version, or cannot keep it.
    """
    with scratch_folder(workspace) as folder:
        registry = Registry(workspace)
        kept = registry.keep_package(problem, version, pack_package(package, folder))
        signature = pack_signature(package, folder)
        if signature is None:
            return kept
        # Who does not sign may have the signature of a key that was followed by another.
        return registry.keep_signature(problem, version, signature, replace=signs_here()) or kept


def _named(entry: Entry) -> tuple[str, str]:
    if entry.package_tag is None or entry.package_digest is None:
        raise AssayError(
            f"{entry.problem} version {entry.version} has no package: "
            f"`assay promote {entry.problem} {entry.version} --to staging` makes it"
        )
    return entry.package_tag, entry.package_digest
