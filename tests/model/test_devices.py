"""Where is computed: one place decides, and every step after it stays on its device."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from components.core.house import HOUSE, PACKAGES
from flows.faults import one_line
from models import devices
from models.devices import NoDeviceError, best_device, device_name, images_at_once
from models.map_networks import find_map_network, map_network_names
from models.networks import find_network, network_names
from tests.other_device import pretended

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What a GPU says of itself."""
    said = SimpleNamespace(total_memory=80 * 10**9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: said)
    return said


def test_no_other_module_asks_whether_there_is_a_gpu() -> None:
    asking = re.compile(r"cuda\.(is_available|device_count|get_device_name|get_device_properties)")
    files = [file for package in (*PACKAGES, "benchmarks") for file in (HOUSE / package).rglob("*.py")]
    assert {file for file in files if asking.search(file.read_text(encoding="utf-8"))} == {Path(devices.__file__)}
    assert len(files) > 300


def test_a_gpu_is_taken_where_there_is_one(gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_DEVICE", raising=False)
    torch.backends.cudnn.allow_tf32 = True
    assert best_device() == GPU
    assert not torch.backends.cudnn.allow_tf32, "its convolutions would not be those of float32"
    monkeypatch.setenv("ASSAY_DEVICE", "cpu")
    assert best_device() == CPU
    assert device_name(CPU) == "cpu"


@pytest.mark.parametrize("named", ["cuda:7", "a GPU", "tpu"])
def test_a_device_that_is_not_there_is_one_line(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DEVICE", named)
    with pytest.raises(NoDeviceError) as raised:
        best_device()
    said = one_line(raised.value)
    assert said.startswith(f"ASSAY_DEVICE is {named!r}, and this machine has cpu")
    assert "\n" not in said


def test_a_processor_is_given_what_it_always_was_and_a_gpu_what_it_has_memory_for(gpu: SimpleNamespace) -> None:
    assert images_at_once(CPU, 64 * 64, on_cpu=64) == 64
    large = images_at_once(GPU, 64 * 64, on_cpu=64)
    assert large > 1000
    assert images_at_once(GPU, 256 * 256, on_cpu=64) == pytest.approx(large * 64 * 64 / 256**2, rel=0.1)
    gpu.total_memory //= 8
    assert 64 < images_at_once(GPU, 64 * 64, on_cpu=64) < large
    assert images_at_once(GPU, 10**12, on_cpu=64) == 1


@pytest.mark.parametrize("name", network_names())
def test_a_network_answers_as_many_images_as_a_gpu_is_given(name: str, gpu: SimpleNamespace) -> None:
    """On the meta device, which knows shapes alone."""
    many = images_at_once(GPU, 64 * 64, on_cpu=64)
    with torch.device("meta"), torch.inference_mode():
        network = find_network(name)(channels=2, size=64, conditions=2, outputs=7, width=8).eval()
        assert network(torch.empty(many, 2, 64, 64), torch.empty(many, 2)).answer_bo.shape == (many, 7)


@pytest.mark.parametrize("name", map_network_names())
def test_a_network_of_maps_answers_as_many_images_as_a_gpu_is_given(name: str, gpu: SimpleNamespace) -> None:
    many = images_at_once(GPU, 64 * 64, on_cpu=64)
    with torch.device("meta"), torch.inference_mode():
        network = find_map_network(name)(channels=2, maps=3, width=8).eval()
        assert network(torch.empty(many, 2, 64, 64)).shape == (many, 3, 64, 64)


class TestThePretendedDevice:
    """That it refuses what a GPU would, or nothing were shown by it."""

    def test_tensors_of_two_devices_do_not_meet(self) -> None:
        with pretended() as device:
            there: Any = torch.zeros(3, 4, device=device)
            assert there.device == device
            assert (there + 1).device == device
            for meet in (
                lambda: there + torch.zeros(3, 4),
                lambda: torch.cat([torch.zeros(3, 4), there]),
                lambda: torch.nn.Linear(4, 2)(there),
                lambda: there @ torch.eye(4),
            ):
                with pytest.raises(RuntimeError, match="of tensors on"):
                    meet()
            with pytest.raises((RuntimeError, TypeError), match="numpy"):
                there.numpy()

    def test_what_may_cross_does(self) -> None:
        with pretended() as device:
            there = torch.arange(6.0).view(2, 3).to(device)
            assert there.cpu().numpy().tolist() == there.tolist() == [[0, 1, 2], [3, 4, 5]]
            assert (there * torch.tensor(2.0)).sum().item() == 30
            assert there[torch.tensor([1])].device == device
            there[0] = torch.tensor([7.0, 8.0, 9.0]).to(there)
            assert torch.tensor([1.0], device=device).device == there.new_zeros(2).device == device
            assert there.cpu()[0].tolist() == [7, 8, 9]

    def test_a_network_learns_there_what_it_learns_here(self) -> None:
        learned = []
        with pretended() as there:
            for device in (CPU, there):
                torch.manual_seed(0)
                network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.GELU(), torch.nn.Conv2d(4, 1, 3))
                network.to(device)
                optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, foreach=False)
                for _ in range(3):
                    optimizer.zero_grad()
                    network(torch.ones(2, 1, 8, 8, device=device)).square().mean().backward()
                    optimizer.step()
                learned.append([of.detach().cpu() for of in network.parameters()])
        assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*learned, strict=True))
