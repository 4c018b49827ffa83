"""Every network of maps keeps to the conformance tests."""

import pytest
import torch
from torch import nn

from models.map_networks import find_map_network, map_network_module, map_network_names
from models.short_numbers import use_short_numbers
from tests.model.networks.network_conformance import layer_dtypes


class MapNetworkConformance:
    """Subclass it as `TestXyz` with the network's name."""

    name: str
    sizes = ((16, 16), (64, 64), (32, 20))

    def build(self) -> nn.Module:
        torch.manual_seed(0)
        return find_map_network(self.name)(channels=3, maps=2, width=4)

    @pytest.fixture
    def image(self) -> torch.Tensor:
        return torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    def test_answers_maps_of_the_image_s_size(self) -> None:
        for height, width in self.sizes:
            assert self.build().eval()(torch.zeros(2, 3, height, width)).shape == (2, 2, height, width)

    def test_answer_depends_on_every_channel(self, image: torch.Tensor) -> None:
        network = self.build().eval()
        for channel in range(3):
            changed = image.clone()
            changed[:, channel] += 0.5
            assert not torch.allclose(network(image), network(changed))

    def test_answer_of_an_image_does_not_depend_on_its_batch(self, image: torch.Tensor) -> None:
        network = self.build().eval()
        torch.testing.assert_close(network(image)[1:2], network(image[1:2]), rtol=1e-4, atol=1e-5)

    def test_every_weight_gets_a_gradient(self, image: torch.Tensor) -> None:
        network = self.build().train()
        network(image).square().sum().backward()
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name
            assert weight.grad.abs().sum() > 0, name

    def test_the_seed_decides_the_answer(self, image: torch.Tensor) -> None:
        torch.testing.assert_close(self.build().eval()(image), self.build().eval()(image), rtol=0, atol=0)

    def test_only_the_trunk_is_in_short_numbers(self, image: torch.Tensor) -> None:
        network = self.build().train()
        use_short_numbers(network)
        dtypes = layer_dtypes(network, lambda: network(image))
        assert torch.bfloat16 in dtypes.values(), "nothing is any faster"
        first, last = next(iter(dtypes)), list(dtypes)[-1]
        assert dtypes[first] == dtypes[last] == torch.float32
        assert network(image).dtype == torch.float32

    @pytest.mark.slow
    def test_is_one_graph_to_a_compiler(self, image: torch.Tensor) -> None:
        """As networks are compiled on GPUs: what breaks a graph apart is computed outside of it, slowly."""
        network = self.build().eval()
        use_short_numbers(network)
        compiled = torch.compile(network, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(image), network(image), rtol=1e-2, atol=1e-2)

    def test_huge_and_empty_images_have_finite_answers(self) -> None:
        network = self.build().eval()
        for value in (0.0, 1e6, -1e6):
            assert network(torch.full((2, 3, 16, 16), value)).isfinite().all()


class TestSmallUNet(MapNetworkConformance):
    name = "small_unet"


class TestDeepUNet(MapNetworkConformance):
    name = "deep_unet"
    sizes = ((16, 16), (64, 64), (32, 24))


class TestGlobalUNet(MapNetworkConformance):
    name = "global_unet"
    sizes = ((16, 16), (64, 64), (32, 24))


class TestLatentAutoencoder(MapNetworkConformance):
    name = "latent_autoencoder"


class TestShuffledResidual(MapNetworkConformance):
    name = "shuffled_residual"


class TestPublishedUNet(MapNetworkConformance):
    name = "published_unet"
    sizes = ((16, 16), (64, 64), (32, 48))


def test_no_network_is_without_its_test_class() -> None:
    tested = {case.name for case in MapNetworkConformance.__subclasses__()}
    assert tested == set(map_network_names())


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"network = 'cnn': must be one of deep_unet, global_unet, latent_autoencoder, published_"
    ):
        map_network_module("cnn")
