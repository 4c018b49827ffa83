"""What MLflow shows of the ledger: aliases, tags, descriptions; on a real MLflow with SQLite."""

from dataclasses import replace
from typing import Any

from components.registry.registry import Registry
from tests.code.registry.trained import Trained


def test_aliases_mirror_the_ledger(trained: Trained) -> None:
    import mlflow

    trained.register()
    Trained(trained.workspace.root, seed=1).register()
    registry, client = Registry(trained.workspace), mlflow.MlflowClient()

    def aliases() -> dict[str, int]:
        known = client.get_registered_model("galaxy-shape").aliases
        return {alias: int(version) for alias, version in known.items()}

    def mirror(where: dict[int, str]) -> list[str]:
        found = registry.mirror("galaxy-shape", trained.stages(where), {})
        return [one.name for one in found if one.kind == "alias"]

    assert mirror({1: "production", 2: "archived"}) == ["production"]
    assert aliases() == {"production": 1}
    assert mirror({2: "production", 1: "candidate"}) == ["production", "candidate"]
    assert aliases() == {"production": 2, "candidate": 1}
    assert registry.mirror("galaxy-shape", trained.stages({2: "production", 1: "candidate"}), {}) == []
    client.set_registered_model_alias("galaxy-shape", "mine", "1")
    assert mirror({1: "archived", 2: "archived"}) == ["production", "candidate"]
    assert aliases() == {"mine": 1}  # what users name is theirs


def test_tags_and_descriptions_mirror_the_ledger_and_say_what_was_overruled(trained: Trained) -> None:
    import mlflow

    trained.register()
    registry, client = Registry(trained.workspace), mlflow.MlflowClient()
    override = {"by": "ada", "reason": "first light", "until": "2026-12-31", "overruled": ["gate x fail"]}
    package = {"package_tag": "galaxy-shape:v1", "package_digest": "p" * 64}
    changes: dict[str, Any] = {"override": override, "digest": "d", **package}
    overruled = {version: replace(entry, **changes) for version, entry in trained.stages({1: "staging"}).items()}
    registry.mirror("galaxy-shape", overruled, {})
    shown = client.get_model_version("galaxy-shape", "1")
    assert shown.description is not None
    assert shown.tags["stage"] == "staging"
    assert shown.tags["override"] == "by ada until 2026-12-31: first light"
    assert (shown.tags["package.tag"], shown.tags["package.digest"]) == ("galaxy-shape:v1", "p" * 64)
    assert registry.ledger_head("galaxy-shape") == "1 d"
    assert "OVERRIDE" in shown.description
    assert shown.description.startswith("staging since 2026-01-01 00:00 UTC by ada: gates passed.")

    client.set_model_version_tag("galaxy-shape", "1", "stage", "production")
    client.update_model_version("galaxy-shape", "1", "the best one")
    client.set_registered_model_alias("galaxy-shape", "production", "1")
    client.set_model_version_tag("galaxy-shape", "1", "package.digest", "q")
    client.delete_model_version_tag("galaxy-shape", "1", "weights.sha256")
    client.delete_registered_model_tag("galaxy-shape", "ledger.head")
    found = registry.mirror("galaxy-shape", overruled, {})
    assert sorted(str(one) for one in found) == [
        "alias production is 1 in MLflow, not there by the ledger",
        "tag ledger.head is not there in MLflow, 1 d by the ledger",
        f"version 1 description is the best one in MLflow, {shown.description} by the ledger",
        f"version 1 tag package.digest is q in MLflow, {'p' * 64} by the ledger",
        "version 1 tag stage is production in MLflow, staging by the ledger",
        f"version 1 tag weights.sha256 is not there in MLflow, {trained.weights} by the ledger",
    ]
    assert registry.mirror("galaxy-shape", trained.stages({1: "staging"}), {}) != []  # the override is over
    assert "override" not in client.get_model_version("galaxy-shape", "1").tags
    assert registry.mirror("galaxy-shape", trained.stages({1: "staging"}), {}) == []


def test_a_version_that_mlflow_lost_is_reported(trained: Trained) -> None:
    trained.register()
    registry = Registry(trained.workspace)
    found = registry.mirror("galaxy-shape", trained.stages({7: "production", 1: "candidate"}), {})
    assert [(one.kind, one.version) for one in found if one.kind == "version"] == [("version", 7)]
    assert registry.aliases("galaxy-shape") == {"candidate": 1}
