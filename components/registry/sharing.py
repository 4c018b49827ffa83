"""What machines that share an MLflow must find there: a store of files that answers, and models of their own ledger.

check_files(workspace)
check_owners(workspace, ["galaxy-shape"])
"""

from collections.abc import Iterable

from components.core import Workspace, check_bucket, is_bucket
from components.registry.connection import Connection, artifact_root
from components.registry.lookup import Lookup

_OF_SERVER = "mlflow-artifacts:/"
"""The files of a tracking server that stands before its store."""
_NO_PROXY = "--no-serve-artifacts"
"""What such a server says when it leaves the store to its clients."""


def check_files(workspace: Workspace) -> None:
    """See that files of MLflow can be listed: by the tracking server, or in the bucket of ASSAY_ARTIFACT_ROOT.

    Raises:
        AssayError: when they cannot.
    """
    uri, root = workspace.tracking_uri, artifact_root()
    if not uri.startswith("http"):
        if is_bucket(root):
            check_bucket(root)
        return
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from requests import HTTPError

    connection = Connection(uri=uri, artifacts=root)
    with connection.one_line():
        connection.client()
        try:
            get_artifact_repository(_OF_SERVER, tracking_uri=uri).list_artifacts()
        except (HTTPError, MlflowException) as error:
            if _NO_PROXY not in str(error):
                raise


def check_owners(workspace: Workspace, problems: Iterable[str]) -> None:
    """See that the registered models which MLflow has mirror the ledger that this machine was given.

    Raises:
        IntegrityError: when one mirrors another: a database of another Assay.
        AssayError: when the ledger has versions that MLflow knows nothing of, or MLflow does not answer.
    """
    found = Lookup(workspace)
    for problem in problems:
        found.aliases(problem)
