"""MLflow's way to files whose addresses are relative to the state folder (`home_files.py`).

MLflow finds the class by an entry point, in its own server and clients too: `mlflow.artifact_repository` in
pyproject.toml. It loads this module while it is itself being imported, so that nothing else may import it.
"""

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from components.registry.home_files import home_folder, home_of


class HomeArtifacts(LocalArtifactRepository):
    """MLflow's repository of files for such addresses.

    Args:
        artifact_uri: of a folder.
        tracking_uri: of the database that names it; that of the process by default.
        registry_uri: unused.
    """

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        from mlflow import get_tracking_uri

        folder = home_folder(artifact_uri, home_of(tracking_uri or get_tracking_uri()))
        super().__init__(folder.as_uri(), tracking_uri, registry_uri)
