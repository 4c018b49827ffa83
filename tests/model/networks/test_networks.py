"""Every network keeps to the conformance tests."""

from models.networks import network_names
from tests.model.networks.network_conformance import NetworkConformance


class TestAutoencoder(NetworkConformance):
    name = "autoencoder"


class TestPlainCNN(NetworkConformance):
    name = "cnn"


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


def test_no_network_is_without_its_test_class() -> None:
    tested = {case.name for case in NetworkConformance.__subclasses__()}
    assert tested == set(network_names())
