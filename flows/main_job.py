"""The main job: from simulated galaxies to a model in production that answers a request.

    assay run galaxy-shape

simulate → validate → version → search → train → evaluate → register → gate → package → prove → stage → predict;
from gate to stage twice, for staging and for production; before them honesty, where production's was measured
"""

from typing import Any, cast

from prefect import flow, tags
from prefect.states import Completed

from components.evidence import read_evidence
from components.ledger import PRODUCTION, whoami
from components.lifecycle import Promotion
from flows import console, steps
from flows.crashed_runs import mark_crashed, run_tags
from flows.failures import PROMOTION, noted
from flows.job import Job


@flow(name="main-job", flow_run_name="main job of {problem}, {size}", validate_parameters=False, persist_result=False)
def main_job(problem: str, size: str = "demo", actor: str | None = None) -> Any:
    """Run every step whose inputs have changed; the others say so and end at once.

    Args:
        problem: its name.
        size: `demo`, or a key under `sizes` in params.yaml.
        actor: who wants it, as the ledger keeps it; the account by default.

    Returns:
        `version`, `report` (the final table) and `answer` (one served prediction), in a state.

    Raises:
        RefusedError: by the validation, a gate or a proof; production stays as it was.
    """
    job, actor = Job.open(problem, size), actor or whoami()
    if job.settings.gates.committed and job.source.dirty:
        console.err.print("  the working tree has changes that no commit holds: gates refuse what is made of them")
    with job.alone():
        taken_from = job.require_registry()
        if taken_from:
            console.err.print(f"  {taken_from}", markup=False)
        dataset = steps.simulate(job)
        steps.validate(job, dataset)
        dataset, data_md5 = steps.version(job, dataset)
        winner = steps.search(job, dataset)
        model = steps.train(job, dataset, winner)
        evaluation = steps.evaluate(job, dataset, model)
        number = steps.register(job, dataset, model, evaluation, data_md5, actor)
        promotion = Promotion(job.workspace, job.problem, job.settings, dataset)
        if promotion.judge.wants_honesty(promotion.ledger.holder(problem, PRODUCTION)):
            steps.honesty(job, dataset, number)
        with noted(PROMOTION):
            promotion.advance(
                number, actor=actor, reason="every gate passed", tell=steps.tell, show=steps.show(problem)
            )
        console.say_behind(promotion.ledger.behind(problem))
        answer = steps.predict(job, dataset)
        report = read_evidence(evaluation).report
        steps.keep_report(problem, report)
        found = {"version": number, "report": report, "answer": answer}
        return Completed(message=f"{problem} version {number} is in production", data=found)


def run_main_job(job: Job, actor: str | None = None) -> dict[str, Any]:
    """The main job under tags by which it is found again if it is killed; first those are marked that were."""
    with job.alone():  # so whatever Prefect believes to be running here is not
        mark_crashed(job.workspace, job.problem_name)
    with tags(*run_tags(job.workspace, job.problem_name)):
        return cast("dict[str, Any]", main_job(job.problem_name, job.size, actor))  # Prefect unpacks the state
