"""The files that MLflow keeps of a version: its model, its evaluations, its packages.

    files = VersionFiles(workspace)
    folder = files.model_folder("galaxy-shape", 3, recorded=tags)             # tags: those of the ledger
    files.keep_package("galaxy-shape", 3, archive)
    archive = files.fetch_package("galaxy-shape", 3, "0123…", into=folder)

What they must be is said by the ledger, which the caller asks: who can write files can write MLflow's tags, too.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from components.core import IntegrityError
from components.registry.files import fetched, logged_digest, verified_description
from components.registry.lookup import Lookup

if TYPE_CHECKING:
    from mlflow import MlflowClient

_EVALUATION, _PACKAGES = "evaluation", "packages"


class VersionFiles(Lookup):
    """The files of versions, found, fetched and added to."""

    def model_folder(self, problem: str, version: int, *, recorded: Mapping[str, str] | None = None) -> Path:
        """The local folder with the weights and description of a version, digests checked.

        Args:
            problem: the registered model's name.
            version: of it.
            recorded: the tags that it was registered with, by the ledger; MLflow's for a version that the ledger does
                not know.

        Raises:
            AssayError: when there is no such version.
            IntegrityError: when a file is missing or is not what was registered; the message names it.
        """
        found = self.version(problem, version)
        with self._reading(problem) as mlflow:
            location = mlflow.model_files(problem, version)
        folder = self._local(problem, version, f"{location}/artifacts/model")
        verified_description(folder, recorded or found.tags, problem)
        return folder

    def check_logged_model(self, problem: str, version: int, digest: str | None) -> None:
        """See that MLflow's copy of a version, whose code it runs for `mlflow.pyfunc`, is what was registered.

        Args:
            problem: the registered model's name.
            version: of it.
            digest: the tag `logged_model.digest`, by the ledger.

        Raises:
            IntegrityError: when it is not.
        """
        with self._reading(problem) as mlflow:
            location = mlflow.model_files(problem, version)
        with self._mlflow.one_line(), fetched(location, self._home) as folder:
            if logged_digest(folder) != digest:
                raise IntegrityError(
                    f"{folder}, MLflow's copy of {problem} version {version}, is not what was registered",
                    "do not load it with mlflow.pyfunc; delete __pycache__ in it if that is new, or restore it from a "
                    "backup",
                )

    @contextmanager
    def evaluation(self, problem: str, version: int) -> Iterator[Path]:
        """The folder with the evaluation that a version was registered with, and with what was attached to it since.

        Any machine attaches to it: it is read where it lies, or fetched as it is now, and no copy is kept.

        Raises:
            AssayError: when there is no such version.
            IntegrityError: when the folder is gone.
        """
        address = self._evaluation(problem, version)
        self._attached(problem, version)
        with self._mlflow.one_line(), fetched(address, self._home) as folder:
            yield folder

    def evaluation_file(self, problem: str, version: int, file: str) -> bytes | None:
        """One file of that folder, as it is now; None when it has no such file.

        Raises:
            AssayError: when there is no such version.
            IntegrityError: when the folder is gone.
        """
        address = f"{self._evaluation(problem, version)}/{file}"
        if f"{_EVALUATION}/{file}" not in self._attached(problem, version):
            return None
        with self._mlflow.one_line(), fetched(address, self._home) as path:
            return path.read_bytes()

    def _evaluation(self, problem: str, version: int) -> str:
        """The address of the folder."""
        with self._reading(problem) as mlflow:
            return f"{mlflow.artifacts(self.version(problem, version).run_id)}/{_EVALUATION}"

    def _attached(self, problem: str, version: int) -> set[str]:
        """The files and folders in it."""
        with self._of(problem) as client:
            found = client.list_artifacts(self.version(problem, version).run_id, _EVALUATION)
        if not found:
            what = f"the evaluation of {problem} version {version} is missing"
            raise IntegrityError(what, "restore MLflow's files from a backup")
        return {file.path for file in found}

    def attach(self, problem: str, version: int, path: Path, folder: str) -> None:
        """Keep a file or a folder beside the evaluation that a version was registered with, in place of an older one.

        Raises:
            AssayError: when there is no such version.
        """
        with self._of(problem) as client:
            run_id = self.version(problem, version).run_id
            if path.is_dir():
                client.log_artifacts(run_id, str(path), folder)
            else:
                client.log_artifact(run_id, str(path), folder)

    def attach_text(self, problem: str, version: int, text: str, file: str) -> None:
        """Keep a text beside the evaluation that a version was registered with, in place of an older one.

        Raises:
            AssayError: when there is no such version.
        """
        with self._of(problem) as client:
            client.log_text(self.version(problem, version).run_id, text, file)

    def attach_whole(self, problem: str, version: int, path: Path, folder: str) -> None:
        """Keep a folder beside the evaluation that a version was registered with, unless all of it is there.

        Raises:
            AssayError: when there is no such version.
        """
        wanted = {
            f"{folder}/{file.relative_to(path).as_posix()}": file.stat().st_size
            for file in path.rglob("*")
            if file.is_file()
        }
        with self._of(problem) as client:
            run_id = self.version(problem, version).run_id
            if dict(_files(client, run_id, folder)) != wanted:
                client.log_artifacts(run_id, str(path), folder)

    def fetch_attached(self, problem: str, version: int, folder: str, *, into: Path) -> Path | None:
        """A folder that was kept beside the evaluation of a version; None when there is none.

        Args:
            problem: the registered model's name.
            version: of it.
            folder: its name.
            into: an empty folder.

        Raises:
            AssayError: when there is no such version.
        """
        from mlflow.artifacts import download_artifacts

        with self._of(problem) as client:
            run_id = self.version(problem, version).run_id
            if not client.list_artifacts(run_id, folder):
                return None
            return Path(download_artifacts(run_id=run_id, artifact_path=folder, dst_path=str(into)))

    def keep_package(self, problem: str, version: int, archive: Path) -> bool:
        """Keep a package with its version, for every machine that asks this MLflow.

        Args:
            problem: the registered model's name.
            version: of it.
            archive: a file that is called after the package's digest.

        Returns:
            False when it was there already; half of it, as a killed process leaves it, is not.

        Raises:
            AssayError: when there is no such version.
        """
        if self._size_of(problem, version, archive.name) == archive.stat().st_size:
            return False
        self.attach(problem, version, archive, _PACKAGES)
        return True

    def keep_signature(self, problem: str, version: int, signature: Path, *, replace: bool) -> bool:
        """Keep the signature of a package beside it.

        Args:
            problem: the registered model's name.
            version: of it.
            signature: a file that is called after the package's digest.
            replace: whether it takes the place of another.

        Returns:
            False when the very same was there already, or another that stays.

        Raises:
            AssayError: when there is no such version.
        """
        with tempfile.TemporaryDirectory() as folder:
            kept = self.fetch_package(problem, version, signature.name, into=Path(folder))
            if kept is not None and not (replace and kept.read_bytes() != signature.read_bytes()):
                return False
        self.attach(problem, version, signature, _PACKAGES)
        return True

    def fetch_package(self, problem: str, version: int, name: str, *, into: Path) -> Path | None:
        """An archive that was kept with a version, or its signature; None when there is none.

        Args:
            problem: the registered model's name.
            version: of it.
            name: of the file.
            into: an empty folder.
        """
        if self._size_of(problem, version, name) is None:
            return None
        from mlflow.artifacts import download_artifacts

        with self._of(problem):
            run_id = self.version(problem, version).run_id
            return Path(download_artifacts(run_id=run_id, artifact_path=f"{_PACKAGES}/{name}", dst_path=str(into)))

    def _size_of(self, problem: str, version: int, name: str) -> int | None:
        """Bytes of what was kept with a version under a name; None when there is nothing."""
        with self._of(problem) as client:
            kept = dict(_files(client, self.version(problem, version).run_id, _PACKAGES))
        return kept.get(f"{_PACKAGES}/{name}")


def _files(client: "MlflowClient", run_id: str, folder: str) -> Iterator[tuple[str, int]]:
    """The files of a run below a folder, with their bytes."""
    for found in client.list_artifacts(run_id, folder):
        if found.is_dir:
            yield from _files(client, run_id, found.path)
        else:
            yield found.path, int(found.file_size or 0)
