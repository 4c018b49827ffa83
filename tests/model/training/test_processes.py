"""What a training over several processes asks for, as far as one process and no GPU can tell."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import yaml
from torch import distributed

from components.core.errors import AssayError
from components.core.params import load_settings
from components.core.settings import ProblemSettings
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.training.batches import Batches, observed_validation
from components.training.distributed import meet, train_in_processes
from tests.conftest import write_params

CPU = torch.device("cpu")


def test_a_batch_that_processes_do_not_divide_is_refused_by_the_settings(problem: Problem, tmp_path: Any) -> None:
    write_params(tmp_path, {"train": {"batch_size": 32, "processes": 3}})
    assert yaml.safe_load((tmp_path / "params.yaml").read_text())["problems"]["galaxy-shape"]["train"]["processes"] == 3
    with pytest.raises(AssayError, match="batch_size = 32 and processes = 3") as caught:
        load_settings(tmp_path / "params.yaml", problem.name, problem.settings)
    assert "\n" not in str(caught.value)


def test_so_is_one_that_a_search_would_try(problem: Problem, tmp_path: Any) -> None:
    write_params(tmp_path, {"train": {"processes": 2}, "search": {"space": {"batch_size": [32, 33]}}})
    with pytest.raises(AssayError, match=r"search\.space\.batch_size: batch_size = 33 and processes = 2") as caught:
        load_settings(tmp_path / "params.yaml", problem.name, problem.settings)
    assert "\n" not in str(caught.value)


def test_more_processes_than_images_are_refused_in_a_line(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    rows = small_dataset.rows("train")[:3]
    with pytest.raises(AssayError, match=r"train\.processes = 4 and the training split has 3 images: each"):
        Batches(problem, small_dataset, settings, rows=rows, batch_size=32, device=CPU, share=(0, 4))
    with pytest.raises(AssayError, match=r"train\.processes = 1000 and the validation split has .* images: each"):
        observed_validation(problem, small_dataset, settings, CPU, share=(0, 1000))


def test_a_batch_that_is_smaller_than_asked_for_is_shared_out_whole(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    rows = small_dataset.rows("train")[:7]
    parts = [
        next(
            Batches(problem, small_dataset, settings, rows=rows, batch_size=32, device=CPU, share=(rank, 2)).epoch([1])
        )
        for rank in range(2)
    ]
    assert [part.count for part in parts] == [4, 3]
    fluxes = torch.cat([part.targets["flux"] for part in parts])
    assert torch.equal(fluxes.sort().values, small_dataset.read(("flux",), rows)["flux"].sort().values)


def test_processes_judge_every_image_of_the_validation_split_once(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    whole = torch.cat([batch.inputs["image"] for batch in observed_validation(problem, small_dataset, settings, CPU)])
    parts = [
        batch.inputs["image"]
        for rank in range(3)
        for batch in observed_validation(problem, small_dataset, settings, CPU, share=(rank, 3))
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_each_process_takes_its_own_gpu_before_the_processes_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: done.append(("set_device", str(device))))
    monkeypatch.setattr(
        distributed, "init_process_group", lambda backend, **more: done.append((backend, str(more["device_id"])))
    )
    assert meet(2, 3, "file:///nowhere") == torch.device("cuda:2")
    assert done == [("set_device", "cuda:2"), ("nccl", "cuda:2")]


def test_more_processes_than_gpus_are_refused_in_a_line(
    problem: Problem,
    small_dataset: Dataset,
    settings: ProblemSettings,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    shared = replace(settings, train=replace(settings.train, processes=2))
    with pytest.raises(AssayError, match=r"train\.processes = 2: this machine has 1 GPUs: set as many, or fewer"):
        train_in_processes(problem, small_dataset, shared, tmp_path)
