"""The whole chain for some problems of the clone around it, in one process, by the steps that `assay run` calls.

    python -m tests.toys.chain blob-mask blob-class      # one line of JSON for each

Simulate, validate, version, search, train, evaluate, register, promote to staging and to production (which packages and
proves), serve over HTTP, and ask whether a retraining is due.
"""

import json
import sys
from typing import Any

import numpy as np

from components.ledger import PRODUCTION
from components.lifecycle import Promotion, deployed, due
from components.packages import request, request_items, sample, served
from flows import steps
from flows.job import Job


def chain(name: str) -> dict[str, Any]:
    """What came of it: the version, what it answered to an image like its training's and to noise, and what is due."""
    job = Job.open(name)
    with job.alone():
        dataset = steps.simulate.plainly(job)
        steps.validate.plainly(job, dataset)
        dataset, md5 = steps.version.plainly(job, dataset)
        found = steps.search.plainly(job, dataset)
        model = steps.train.plainly(job, dataset, found)
        evaluation = steps.evaluate.plainly(job, dataset, model)
        version = steps.register.plainly(job, dataset, model, evaluation, md5, "ada")
        Promotion(job.workspace, job.problem, job.settings, dataset).advance(version, actor="ada", reason="a drill")
        (item,) = request_items(sample(job.problem, dataset, job.settings, 1))
        now = deployed(job.workspace, name, PRODUCTION)
        loud = {**item, "image": np.random.default_rng(0).normal(0, 50, np.shape(item["image"])).tolist()}
        with served(job.workspace, now.package, environment=now.variables) as url:
            answer = request(url, [item, loud])
        return {
            "problem": name,
            "version": version,
            "answer": answer,
            "due": due(job.workspace, job.problem, job.settings).reasons,
        }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(chain(name)), flush=True)
