"""Every network keeps to the conformance tests."""

import torch

from models.networks import network_names
from models.networks.wide_kernels import FirstSeen
from tests.model.networks.network_conformance import NetworkConformance


class TestAutoencoder(NetworkConformance):
    name = "autoencoder"


class TestPlainCNN(NetworkConformance):
    name = "cnn"


class TestGlobalCNN(NetworkConformance):
    name = "global_cnn"


class TestMultiOutputCNN(NetworkConformance):
    name = "multi_cnn"


class TestResidualEncoder(NetworkConformance):
    name = "residual"


class TestSingleOutputCNN(NetworkConformance):
    name = "single_cnn"


class TestUNetRegressor(NetworkConformance):
    name = "unet"


class TestWideKernels(NetworkConformance):
    name = "wide_kernels"


def test_levels_are_those_of_the_first_batches_and_then_fixed() -> None:
    level, rng = FirstSeen((3, 1, 1)), torch.Generator().manual_seed(0)

    def shown(mean: float) -> torch.Tensor:
        standard: torch.Tensor = level(mean + 2 * torch.randn(500, 3, 4, 4, generator=rng))
        return standard

    for _ in range(8):
        first = shown(5.0)
    assert first.mean().abs() < 0.02
    assert abs(float(first.std()) - 1) < 0.02
    later = shown(9.0)
    assert abs(float(later.mean()) - 2) < 0.02, "the level follows batches that are not the first"
    level.eval()
    assert abs(float(shown(9.0).mean()) - 2) < 0.02


def test_no_network_is_without_its_test_class() -> None:
    tested = {case.name for case in NetworkConformance.__subclasses__()}
    assert tested == set(network_names())
