"""Is a retraining due, why, and the scheduled flow that does it.

assay retrain galaxy-shape --check
assay schedule
"""

from dataclasses import replace
from typing import Any

from prefect import flow

from components.errors import RefusedError
from flows import console
from flows.job import Job
from flows.main_job import run_main_job


def due(job: Job) -> list[str]:
    """Why a retraining is due, one line a reason; empty when production was made from today's inputs.

    Compared are simulator (code, settings, library versions), data, search and training (code, settings, library
    versions), each by its hash, with those that the production model's own description names.
    """
    from components.ledger import open_ledger
    from components.model_files import model_files
    from components.search import SEARCHED
    from components.simulation import dataset_key, simulator_inputs
    from components.training_inputs import search_inputs, training_inputs
    from models.saved import read_description

    champion = open_ledger(job.workspace).holder(job.problem_name, "production")
    if champion is None:
        return ["nothing is in production"]
    made_from = read_description(model_files(job.workspace, job.problem_name, champion))["inputs"]
    # What a search decides is an outcome, not an input.
    decided = {name: made_from["training"]["settings"][name] for name in SEARCHED}
    training = training_inputs(job.problem, job.settings, replace(job.settings.train, **decided))
    for inputs in (training, made_from["training"]):
        inputs["settings"] = {name: value for name, value in inputs["settings"].items() if name not in SEARCHED}
    today = {
        "simulator": simulator_inputs(job.problem, job.settings.simulate),
        "search": search_inputs(job.settings),
        "training": training,
    }
    reasons = [
        reason for part, inputs in today.items() for reason in _differences(part, made_from.get(part, {}), inputs)
    ]
    if not reasons and made_from["data"] != dataset_key(job.problem, job.settings.simulate):
        reasons.append("data: another dataset than production was trained on")
    return reasons


@flow(name="retrain", flow_run_name="{problem}-{size}", validate_parameters=False, persist_result=False)
def retrain(problem: str, size: str = "demo") -> dict[str, Any]:
    """Run the main job when a retraining is due; otherwise end at once.

    A model that the gates refuse, because it is worse than production for instance, is an outcome here, not an
    error: production stays, and the refusal is returned.
    """
    job = Job.open(problem, size)
    reasons = due(job)
    if not reasons:
        return {"due": False, "reasons": [], "outcome": "nothing has changed: production stays"}
    for reason in reasons:
        console.err.print(f"  {reason}")
    try:
        outcome = f"version {run_main_job(problem, size)['version']} is in production"
    except RefusedError as refusal:
        outcome = f"production stays: {refusal}"
    return {"due": True, "reasons": reasons, "outcome": outcome}


def _differences(part: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One line for each thing of a part that is not what it was."""
    lines = []
    for kind in after:
        old, new = before.get(kind, {}), after[kind]
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                change = "changed" if kind == "code" else f"{old.get(name)} → {new.get(name)}"
                lines.append(f"{part} {kind}: {name} {change}")
    return lines
