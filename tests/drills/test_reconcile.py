"""What `assay reconcile` finds and mends: changes made by hand, lost and damaged files, half-finished registrations."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.errors import IntegrityError
from components.core.workspace import Workspace
from components.evidence.evaluation import evaluate
from components.fields.dataset import Dataset
from components.ledger.opening import open_ledger
from components.lifecycle.registration import register
from components.packages.files import package_folder, verify_package
from components.packages.serving import served
from components.problems import find_problem
from components.registry.home_files import home_folder
from components.registry.registry import Registry
from models.descriptions import read_description
from services.verify import PROVENANCE
from tests.conftest import small_settings, write_params
from tests.drills.commands import assay, assay_here, refused
from tests.drills.houses import LENIENT, NAME, agrees, mlflow_client, promote, to_production
from tests.keys import keys


@pytest.mark.house("promoted")
def test_what_was_done_by_hand_in_mlflow_is_reported_and_undone(house: Workspace) -> None:
    client = mlflow_client(house)
    client.set_registered_model_alias(NAME, "production", "3")
    client.set_model_version_tag(NAME, "1", "stage", "archived")
    client.set_model_version_tag(NAME, "2", "weights.sha256", "0" * 64)
    done = assay_here(house, "reconcile", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["what"]: row for row in json.loads(done.stdout)}
    assert "alias production is 3 in MLflow, 1 by the ledger" in rows
    assert all(row["repaired"] and "assay promote" in row["todo"] for row in rows.values())
    assert int(client.get_model_version_by_alias(NAME, "production").version) == 1
    agrees(house)

    client.delete_model_version(NAME, "3")
    assert assay_here(house, "reconcile").returncode == 0
    assert open_ledger(house).stage_of(NAME, 3) == "archived"
    agrees(house)
    client.delete_model_version(NAME, "1")
    client.set_registered_model_alias(NAME, "production", "2")
    refused(assay_here(house, "reconcile"), "version 1 (production) was deleted from MLflow", "assay rollback")
    assert open_ledger(house).holder(NAME, "production") == 1
    assert "production" not in client.get_registered_model(NAME).aliases, "nothing stands in for it"
    row = json.loads(assay_here(house, "models", "--json").stdout)[0]
    assert (row["version"], row["stage"], row["created"]) == (1, "production", "not in MLflow")
    refused(assay_here(house, "gc", "--keep", "0"), "version 1 of galaxy-shape is not what the ledger says")


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.house("promoted")
def test_another_or_an_older_mlflow_does_not_empty_the_stages(house: Workspace) -> None:
    """In processes of their own: this one would keep a connection to the file that was moved away."""
    database, kept = house.home / "mlflow.db", house.home / "kept.db"
    history = open_ledger(house).history(NAME)
    database.rename(kept)
    refused(assay(house, "reconcile"), "knows no such model", "MLFLOW_TRACKING_URI")
    kept.replace(database)
    assert assay(house, "reconcile", "--json").stdout.strip() == "[]"
    assert open_ledger(house).history(NAME) == history

    shutil.copyfile(database, kept)
    client = mlflow_client(house)
    source = client.get_model_version(NAME, "3")
    another = dict(source.tags) | {"weights.sha256": "f" * 64}
    client.create_model_version(NAME, source.source, source.run_id, tags=another)
    assert assay(house, "reconcile").returncode == 0
    kept.replace(database)
    refused(assay(house, "reconcile"), "MLflow knows nothing of galaxy-shape version 4 (candidate)")
    assert open_ledger(house).stage_of(NAME, 4) == "candidate"


@pytest.mark.house("promoted")
def test_a_lineage_forged_in_mlflow_is_not_believed_and_undone(house: Workspace) -> None:
    true = json.loads(assay_here(house, "trace", NAME, "1", "--json").stdout)
    client = mlflow_client(house)
    for name, value in (("git.commit", "f" * 40), ("data.md5", "0f" * 16), ("metric.posterior.log_score.fresh", "n/a")):
        client.set_model_version_tag(NAME, "1", name, value)
    client.delete_model_version_tag(NAME, "1", "evidence.digest")
    client.delete_model_version_tag(NAME, "1", "description.sha256")
    assert assay_here(house, "models").returncode == 0
    refused(assay_here(house, "trace", NAME, "1"), "has no tag description.sha256: type `assay reconcile`")
    rows = json.loads(assay_here(house, "reconcile", "--json").stdout)
    assert all(row["repaired"] for row in rows)
    told = " ".join(row["what"] for row in rows)
    for name in ("git.commit", "data.md5", "metric.posterior.log_score.fresh", "evidence.digest", "description.sha256"):
        assert f"version 1 tag {name} is" in told
    agrees(house)
    client.set_model_version_tag(NAME, "1", "git.dirty", "false")
    client.set_model_version_tag(NAME, "1", "git.commit", "e" * 40)
    assert json.loads(assay_here(house, "trace", NAME, "1", "--json").stdout) == true


@pytest.mark.house("promoted")
def test_a_number_that_mlflow_gives_a_second_time_is_refused(house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow_client(house).delete_registered_model(NAME)
    refused(assay_here(house, "reconcile"), "knows no such model", "restore its database from a backup")
    mlflow_client(house).create_registered_model(NAME)  # as an older copy has it, with fewer versions
    refused(assay_here(house, "reconcile"), "MLflow knows nothing of galaxy-shape version", "restore it")
    for name, value in house.environment().items():
        monkeypatch.setenv(name, value)
    problem, settings = find_problem(NAME), small_settings(house.root)
    dataset, production = Dataset.open(house.dataset(NAME)), open_ledger(house).current(NAME)[1]
    folders = [path for path in house.models(NAME).iterdir() if path.is_dir()]
    other = next(path for path in folders if read_description(path)["weights_sha256"] != production.weights_sha256)
    evidence = evaluate(house, problem, other, dataset, settings)
    with pytest.raises(IntegrityError, match="gave the number 1 of galaxy-shape to a new model"):
        register(
            house, problem, settings, dataset, model_folder=other, evidence=evidence, data_md5="0" * 32, actor="ada"
        )
    assert mlflow_client(house).search_model_versions(f"name = '{NAME}'") == []
    assert open_ledger(house).current(NAME)[1] == production


@pytest.mark.house("promoted")
def test_packages_from_before_there_was_a_key_are_signed(house: Workspace, tmp_path: Path) -> None:
    private, public = keys(tmp_path / "ours")
    refused(assay_here(house, "verify", NAME, "--key", str(public)), "is missing: the package is not signed")
    refused(assay_here(house, "reconcile", ASSAY_SIGNING_KEY="missing.key"), "missing.key cannot be read")
    for found in (1, 0):  # it tells of what it signs, once
        done = assay_here(house, "reconcile", "--json", ASSAY_SIGNING_KEY=str(private))
        assert (done.returncode, done.stdout.count("was not signed by the key here (version")) == (0, found)
    done = assay_here(house, "verify", NAME, "--key", str(public))
    assert done.returncode == 0, done.stderr
    entry = open_ledger(house).current(NAME)[1]
    assert f"{entry.package_tag}/SHA256SUMS: {entry.package_digest}" in done.stdout
    folder = package_folder(house, str(entry.package_tag))
    refused(assay_here(house, "verify", str(folder), "--key", str(keys(tmp_path / "theirs")[1])), "is not signed by")
    theirs = str(tmp_path / "theirs" / "assay.pub")
    refused(assay_here(house, "serve", NAME, ASSAY_PUBLIC_KEY=theirs), "is not signed by the key of")
    missing = str(tmp_path / "nobody.pub")
    refused(assay_here(house, "verify", NAME, "--key", missing), f"--key {missing}: there is no such file")
    agrees(house)


@pytest.mark.house("promoted")
@pytest.mark.parametrize("lost", ["", PROVENANCE])
def test_another_machine_gets_the_signature_with_the_package(house: Workspace, tmp_path: Path, lost: str) -> None:
    """It fetches the package that was signed later, and again by the key that followed; or has it, still unsigned."""
    folder = package_folder(house, str(open_ledger(house).current(NAME)[1].package_tag))
    for whose in ("ours", "those_that_followed"):
        private, public = keys(tmp_path / whose)
        assert assay_here(house, "reconcile", ASSAY_SIGNING_KEY=str(private)).returncode == 0
        if lost:
            (folder / lost).unlink()
        else:
            shutil.rmtree(folder)
        assert assay_here(house, "reconcile").returncode == 0
        done = assay_here(house, "verify", NAME, "--key", str(public))
        assert done.returncode == 0, done.stderr
        agrees(house)


@pytest.mark.house("promoted")
def test_the_signature_of_a_key_that_was_followed_gives_way(house: Workspace, tmp_path: Path) -> None:
    older, (private, public) = keys(tmp_path / "older"), keys(tmp_path / "newer")
    folder = package_folder(house, str(open_ledger(house).current(NAME)[1].package_tag))
    assert assay_here(house, "reconcile", ASSAY_SIGNING_KEY=str(older[0])).returncode == 0
    before = (folder / PROVENANCE).read_bytes()
    assert assay_here(house, "reconcile", ASSAY_SIGNING_KEY=str(private)).returncode == 0
    told: list[dict[str, str]] = [{}, {"ASSAY_PUBLIC_KEY": str(public)}]
    for environment in told:
        (folder / PROVENANCE).write_bytes(before)  # as a machine has it that signs nothing
        assert assay_here(house, "reconcile", **environment).returncode == 0
        taken = assay_here(house, "verify", NAME, "--key", str(public)).returncode == 0
        assert taken == bool(environment), "who is told of no key keeps what it has"
    shutil.rmtree(folder)
    assert assay_here(house, "reconcile").returncode == 0
    assert assay_here(house, "verify", NAME, "--key", str(public)).returncode == 0, "MLflow has that of the older key"


@pytest.mark.house("promoted")
def test_code_changed_in_mlflows_own_copy_is_found(house: Workspace, tmp_path: Path) -> None:
    """MLflow runs it for whoever loads the version with `mlflow.pyfunc`; loading it so changes nothing of it."""
    private, public = keys(tmp_path / "ours")
    assert assay_here(house, "reconcile", ASSAY_SIGNING_KEY=str(private)).returncode == 0
    command = ("verify", NAME, "--key", str(public))
    assert assay_here(house, *command).returncode == 0
    folder = Path(Registry(house).model_folder(NAME, 1)).parents[1]
    (folder / "registered_model_meta").write_text("model_name: galaxy-shape\n")  # as MLflow does
    assert assay_here(house, *command).returncode == 0
    for name, content in (("model_code.py", "import os\n"), ("code/models/__pycache__/fields.cpython-311.pyc", "x")):
        path = folder / name
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        refused(assay_here(house, *command), str(folder), "is not what was registered", "mlflow.pyfunc")
        path.write_text(before) if before is not None else path.unlink()
    assert assay_here(house, *command).returncode == 0
    client = mlflow_client(house)
    client.set_model_version_tag(NAME, "1", "logged_model.digest", "0" * 64)
    assert assay_here(house, *command).returncode == 0, "the ledger decides, not MLflow"


@pytest.mark.house("promoted")
def test_a_lost_package_that_cannot_be_built_again_answers_nobody(house: Workspace) -> None:
    entry = open_ledger(house).current(NAME)[1]
    assert entry.package_tag is not None
    shutil.rmtree(package_folder(house, entry.package_tag))
    run = mlflow_client(house).get_model_version(NAME, "1").run_id
    shutil.rmtree(house.home / "mlartifacts" / NAME / str(run) / "artifacts" / "packages")
    write_params(house.root, LENIENT | {"package": {"golden_inputs": 3}})  # and so it is asked about others
    refused(assay_here(house, "reconcile"), "cannot be built again as it was", "package settings")
    refused(assay_here(house, "serve", NAME), "no package", "assay reconcile")
    assert not package_folder(house, entry.package_tag).exists()
    write_params(house.root, LENIENT)
    assert assay_here(house, "reconcile").returncode == 0
    agrees(house)


@pytest.mark.house("promoted")
def test_an_older_copy_of_the_ledger_put_back_is_refused(house: Workspace) -> None:
    shutil.copyfile(house.home / "assay.db", house.home / "backup.db")
    assert assay_here(house, "archive", NAME, "2", "--reason", "old").returncode == 0
    shutil.copyfile(house.home / "backup.db", house.home / "assay.db")
    for done in (
        promote(house, 3, "staging"),
        assay_here(house, "archive", NAME, "3", "--reason", "old"),
        assay_here(house, "reconcile"),
        assay_here(house, "gc"),
    ):
        refused(done, "entry 6, which the tag ledger.head of MLflow's registered model names, is gone", "backup")
    assert int(mlflow_client(house).get_model_version_by_alias(NAME, "production").version) == 1, "nothing was changed"


@pytest.mark.slow
@pytest.mark.ci
@pytest.mark.house("promoted")
def test_a_model_whose_files_vanished_is_not_promoted_and_can_be_replaced(house: Workspace) -> None:
    before = json.loads(assay_here(house, "trace", NAME, "1", "--json").stdout)
    for version in ("1", "3"):
        source = mlflow_client(house).get_model_version_download_uri(NAME, version)
        shutil.rmtree(home_folder(source, house.home) / "artifacts" / "model")
    assert json.loads(assay_here(house, "trace", NAME, "1", "--json").stdout) == before, "its package has it, too"
    refused(assay_here(house, "reconcile"), "model.json is missing (version 1, production)", "restore MLflow's files")
    refused(promote(house, 3, "staging"), "model.json is missing", "assay train")
    assert open_ledger(house).stage_of(NAME, 3) == "candidate"
    # The champion is judged by what answers: the model in its package.
    write_params(house.root, LENIENT | {"evaluate": LENIENT["evaluate"] | {"seed": 8}})
    to_production(house, 2)
    assert assay_here(house, "rollback", NAME).returncode == 0
    assert open_ledger(house).holder(NAME, "production") == 1


def lose(folder: Path) -> None:
    shutil.rmtree(folder)


def flip(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = bytearray((folder / "src" / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / "src" / name).write_bytes(content)

    return change


@pytest.mark.house("promoted")
@pytest.mark.parametrize(
    "damage", [lose, flip("model/weights.safetensors"), flip("model/golden.safetensors"), flip("model/package.json")]
)
def test_a_lost_or_damaged_package_is_refused_and_made_again(house: Workspace, damage: Callable[[Path], None]) -> None:
    entry = open_ledger(house).current(NAME)[1]
    assert entry.package_tag is not None
    damage(package_folder(house, entry.package_tag))
    if damage is not lose:  # which any command fetches from MLflow's files
        refused(assay_here(house, "serve", NAME), entry.package_tag)
    done = assay_here(house, "reconcile", "--json")
    (row,) = json.loads(done.stdout)
    assert row["repaired"], row
    assert entry.package_tag in row["what"]
    agrees(house)
    with served(house, verify_package(house, entry.package_tag)):
        assert open_ledger(house).current(NAME)[1] == entry


def test_a_registration_that_was_killed_becomes_a_candidate(house: Workspace) -> None:
    client = mlflow_client(house)
    source = client.get_model_version(NAME, "3")
    another = dict(source.tags) | {"weights.sha256": "f" * 64}
    for tags in (another, {}, dict(source.tags)):
        client.create_model_version(NAME, source.source, source.run_id, tags=tags)
    done = assay_here(house, "reconcile", "--json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    assert {row["what"]: row["repaired"] for row in rows if "not in the ledger" in row["what"]} == {
        "version 4 is in MLflow and not in the ledger": True,
        "version 5 is in MLflow and not in the ledger": False,
        "version 6 is in MLflow and not in the ledger: it was version 3 again, and is deleted": True,
    }
    assert open_ledger(house).stage_of(NAME, 4) == "candidate"
    refused(assay_here(house, "gc", NAME), "version 5 of galaxy-shape is not what the ledger says")
