"""Answers: finite and of the named fields, written in every type, and computed on one device."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from astropy.table import Table
from safetensors.numpy import load

from components.core.settings import ProblemSettings
from components.evidence.asking import asking
from components.fields.dataset import Dataset
from components.fields.presenting import present, read_stored
from components.fields.problem import Problem
from components.fields.randomness import row_seeds
from components.packages.golden import make_golden, sample
from models.fields import check_arrays, check_values, field, in_words
from services.answering import Answers, Asked
from services.records import Records
from services.replies import WRITERS, About
from tests.model.problems.conformance.asked import CPU, Conformance
from tests.other_device import pretended


class AnswerConformance(Conformance):
    """Of every problem."""

    def test_every_network_answers_with_finite_numbers_whatever_it_is_shown(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        inputs = sample(problem, small_dataset, settings, 3)
        image = next(iter(inputs))  # conditions follow it
        for network in self.networks or (settings.train.network,):
            estimator = self.estimator(problem, replace(settings, train=replace(settings.train, network=network)))
            for shown in (inputs[image], torch.zeros_like(inputs[image]), torch.full_like(inputs[image], 1e6)):
                with torch.inference_mode():
                    outputs = estimator({**inputs, image: shown})
                for name, array in outputs.items():
                    assert torch.isfinite(array).all(), (network, name)
                for output in estimator.outputs:
                    low, high = output.limits
                    assert low is None or bool((outputs[output.name] > low).all()), (network, output.name)
                    assert high is None or bool((outputs[output.name] < high).all()), (network, output.name)

    def test_answers_have_the_fields_that_the_estimator_names(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        assert estimator.inputs == problem.inputs(settings.simulate)
        inputs = sample(problem, small_dataset, settings, 3)
        check_arrays(inputs, estimator.inputs, "the sample")
        outputs = asking(estimator)(inputs)
        check_arrays({named.name: outputs[named.name] for named in estimator.outputs}, estimator.outputs, "the answer")
        for named in (*estimator.inputs, *estimator.outputs):
            assert field(json.loads(json.dumps(named.as_json()))) == named
        for output in estimator.outputs:
            assert output.absolute + output.relative > 0, f"{output.name} is compared by nothing"
            assert not output.of or output.of in outputs, output.name

    def test_answers_and_their_doubts_are_written_in_every_type(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset, tmp_path: Path
    ) -> None:
        estimator = self.estimator(problem, settings)
        region = json.loads(json.dumps(self.untrained_evaluation(problem, settings, small_dataset).tested_range))
        golden = make_golden(estimator, sample(problem, small_dataset, settings, 4), region)
        answers = Answers(outputs=golden.outputs, doubts=golden.doubts, not_tested=["content"])
        about = About(model={"problem": problem.name, "version": 1}, outputs=list(estimator.outputs))
        ids = [f"{problem.name}.1.{number}" for number in range(len(golden.doubts))]
        written = {kind: write(answers, ids, about) for kind, write in WRITERS.items()}
        assert json.loads(written["application/json"])["predictions"][-1]["doubts"] == golden.doubts[-1]
        assert set(Table.read(io.BytesIO(written["application/fits"])).colnames) >= set(golden.outputs)
        found = load(written["application/x-safetensors"])
        assert all(np.array_equal(found[name], array) for name, array in golden.outputs.items())
        told: dict[str, Any] = {"model": about.model, "inputs": estimator.inputs, "outputs": estimator.outputs}
        records = Records(tmp_path / "records", most_bytes=2**20, **told)
        records.add(Asked(inputs=golden.inputs), answers, ids)
        records.end()
        table = pd.read_parquet(tmp_path / "records")
        assert (table["id"].tolist(), list(table["doubts"].iloc[-1])) == (ids, golden.doubts[-1])
        for one in (*estimator.inputs, *estimator.outputs):
            arrays = golden.inputs if one in estimator.inputs else golden.outputs
            if one.name in arrays and not one.shape:
                assert table[one.name].tolist() == in_words(one, arrays[one.name].tolist()), one.name
        images = [one for one in estimator.inputs if len(one.shape) > 1 and one.name in golden.inputs]
        assert images, "of something with a border"
        assert not any(table[f"{one.name}_border_deviation"].isna().any() for one in images)
        for row in table.itertuples():
            assert all(np.size(value) <= 64 for value in row), "neither pixels nor maps"

    def test_what_is_estimated_may_be_left_out_and_is_said_in_every_type(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        estimator = self.estimator(problem, settings)
        named = [field.name for field in estimator.inputs if field.estimated]
        inputs = sample(problem, small_dataset, settings, 4)
        region = json.loads(json.dumps(self.untrained_evaluation(problem, settings, small_dataset).tested_range))
        whole, estimated = estimator.completed({name: inputs[name] for name in inputs if name not in named})
        assert [*estimated] == named
        check_arrays(whole, estimator.inputs, "what was completed")
        check_values(estimated, [field for field in estimator.inputs if field.estimated], "what was estimated")
        with torch.inference_mode():
            outputs = estimator.uncompared(estimator(whole), estimated)
        check_arrays(outputs, estimator.outputs, "the answer")
        answers = Answers(
            outputs={name: array.numpy() for name, array in outputs.items()},
            doubts=estimator.doubts(whole, outputs, region),
            not_tested=[],
            estimated={name: array.numpy() for name, array in estimated.items()},
        )
        about = About(model={}, outputs=list(estimator.outputs), inputs=list(estimator.inputs))
        written = {kind: write(answers, list("abcd"), about) for kind, write in WRITERS.items()}
        for one in json.loads(written["application/json"])["predictions"]:
            assert [*one.get("estimated", {})] == named
        table = Table.read(io.BytesIO(written["application/fits"]))
        found = load(written["application/x-safetensors"])
        for name in named:
            assert torch.equal(torch.tensor(found[f"estimated.{name}"]), estimated[name])
            assert np.array_equal(table[f"estimated_{name}"], estimated[name].numpy())
        assert estimator.completed(inputs) == (inputs, {}), "what is stated is left as it is"

    def test_no_step_of_an_answer_mixes_devices(
        self, problem: Problem, settings: ProblemSettings, small_dataset: Dataset
    ) -> None:
        """Where there is a GPU, everything is computed there: nothing that lies elsewhere takes part."""
        rows, found = small_dataset.rows("train")[:4], []
        stored = read_stored(problem, small_dataset, settings, rows)
        with pretended() as there:
            for device in (CPU, there):
                estimator = self.estimator(problem, settings).to(device)
                batch = present(problem, stored, row_seeds([1], rows), settings, training=True, device=device)
                loss_b = estimator.loss(batch.inputs, batch.targets)
                loss_b.mean().backward()  # type: ignore[no-untyped-call]
                measured = asking(estimator)(batch.inputs, batch.targets)
                assert {of.device for of in (*measured.values(), loss_b)} == {device}
                assert all(of.grad is None or of.grad.device == device for of in estimator.parameters())
                found.append({"loss": loss_b.detach().cpu(), **{name: of.cpu() for name, of in measured.items()}})
        here, elsewhere = found
        for name, array in here.items():
            off = 1e-4 * max(1.0, float(array.double().nan_to_num().abs().max()))  # what is large rounds coarsely
            assert torch.allclose(elsewhere[name].double(), array.double(), rtol=0, atol=off, equal_nan=True), name
