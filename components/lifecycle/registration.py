"""Register a trained and evaluated network as a candidate, with everything that its lineage needs.

version = register(workspace, problem, settings, dataset, model_folder=..., evidence=..., data_md5=..., actor="ada")
"""

from pathlib import Path

from components.core import IntegrityError, ProblemSettings, Workspace, settings_values
from components.evidence import Evidence
from components.fields import Dataset, Problem
from components.ledger import COLLECTED
from components.lifecycle.stages import Stages
from components.packages import sample
from components.registry import DatasetSource
from models.descriptions import read_description


def register(
    workspace: Workspace,
    problem: Problem,
    settings: ProblemSettings,
    dataset: Dataset,
    *,
    model_folder: Path,
    evidence: Evidence,
    data_md5: str,
    actor: str,
) -> int:
    """Register a model once; the same weights are found, not registered again, whichever machine was quicker.

    Args:
        workspace: whose registry.
        problem: what the model is for.
        settings: logged as parameters.
        dataset: what it was trained and evaluated on.
        model_folder: the trained network.
        evidence: its evaluation.
        data_md5: DVC's digest of the data folder.
        actor: recorded in the ledger.

    Returns:
        The version, which is at least a candidate.

    Raises:
        IntegrityError: when the number that MLflow gives to the model is that of another in the ledger.
    """
    description = read_description(model_folder)
    stages = Stages(workspace, problem, settings)
    stages.registry.create()
    stages.check_ledger()  # an older ledger would give a number away that is another's
    for entry in stages.ledger.current(problem.name).values():
        if entry.action == COLLECTED and entry.weights_sha256 == description["weights_sha256"]:
            stages.registry.delete(problem.name, entry.version)  # a killed cleaning goes on, and a new number is given
    example = sample(problem, dataset, settings, 2)
    training = description["inputs"]["training"]["settings"]
    simulation = settings_values(settings.simulate)
    version = stages.registry.register(
        problem,
        model_folder,
        evidence.folder,
        tags={
            "data.md5": data_md5,
            "data.digest": dataset.digest,
            "git.commit": description["git"]["commit"],
            "git.dirty": str(description["git"]["dirty"]).lower(),
            "simulator.fingerprint": description["fingerprint"],
            "weights.sha256": description["weights_sha256"],
            "evidence.digest": evidence.digest,
            "training.key": description["key"],
            # Models of before it was recorded have none.
            **({"device": description["device"]} if "device" in description else {}),
        },
        params={
            **{f"train.{name}": value for name, value in training.items()},
            **{f"simulate.{name}": value for name, value in simulation.items()},
        },
        metrics=evidence.metrics,
        dataset=DatasetSource(name=problem.name, digest=dataset.digest, path=dataset.folder),
        input_example={name: array.numpy() for name, array in example.items()},
        headline=evidence.headline,
    )
    known = stages.ledger.current(problem.name).get(version)
    if known is not None and known.weights_sha256 != description["weights_sha256"]:
        stages.registry.delete(problem.name, version)
        raise IntegrityError(
            f"MLflow gave the number {version} of {problem.name} to a new model, and the ledger knows another by it: "
            "MLflow's database was lost, or an older one put back: restore it from a backup, or `make clean`"
        )
    if known is None:
        return stages.add_candidate(version, actor=actor, reason="registered with its evaluation").version
    stages.mirror(only={version})  # a kill between ledger and mirror is mended here
    return version
