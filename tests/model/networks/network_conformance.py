"""What every network must keep to; `tests/model/networks/test_networks.py` runs it for each of `models.networks`."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.networks import find_network
from models.short_numbers import use_short_numbers

HEADS = ("head", "heads", "weigh", "to_latent")
"""Names of the layers that say the answer."""


def layer_dtypes(network: nn.Module, work: Callable[[], object]) -> dict[str, torch.dtype]:
    """What each layer with weights of its own, in the order of their work, answers in while something is done."""
    found: dict[str, torch.dtype] = {}

    def note(name: str, said: torch.Tensor) -> None:
        found[name] = said.dtype

    handles = [
        layer.register_forward_hook(lambda _layer, _given, said, name=name: note(name, said))
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)
    ]
    work()
    for handle in handles:
        handle.remove()
    return found


class NetworkConformance:
    """Subclass it as `TestXyz` with the network's name."""

    name: str
    sizes = (32, 64)

    def build(self, size: int = 64) -> nn.Module:
        torch.manual_seed(0)
        return find_network(self.name)(channels=2, size=size, conditions=2, outputs=20, width=8)

    @pytest.fixture
    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(1)
        return torch.randn(3, 2, 64, 64, generator=generator), torch.randn(3, 2, generator=generator)

    def test_answers_a_vector_for_every_size(self) -> None:
        for size in self.sizes:
            output = self.build(size).eval()(torch.zeros(2, 2, size, size), torch.zeros(2, 2))
            assert output.answer_bo.shape == (2, 20)

    def test_answer_depends_on_image_and_conditions(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        image, conditions = batch
        network = self.build().eval()
        answer = network(image, conditions).answer_bo
        assert not torch.allclose(answer, network(image + 0.5, conditions).answer_bo)
        assert not torch.allclose(answer, network(image, conditions + 0.5).answer_bo)

    def test_answer_of_an_image_does_not_depend_on_its_batch(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        image, conditions = batch
        network = self.build().eval()
        together, alone = network(image, conditions).answer_bo, network(image[1:2], conditions[1:2]).answer_bo
        torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)

    def test_every_weight_gets_a_gradient(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        network = self.build().train()
        answer, denoised = network(*batch)
        loss = answer.square().sum()
        if denoised is not None:
            assert denoised.shape == (3, 64, 64)
            loss = loss + denoised.square().sum()
        loss.backward()
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.isfinite().all(), name

    def test_trains_in_bfloat16_as_on_a_gpu(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        network = self.build().train()
        use_short_numbers(network)
        network(*batch).answer_bo.square().mean().backward()
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())

    def test_only_the_trunk_is_in_short_numbers(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        network = self.build().train()
        use_short_numbers(network)
        dtypes = layer_dtypes(network, lambda: network(*batch))
        assert torch.bfloat16 in dtypes.values(), "nothing is any faster"
        first, last = next(iter(dtypes)), list(dtypes)[-1]
        assert dtypes[first] == dtypes[last] == torch.float32
        heads = {name: of for name, of in dtypes.items() if name.split(".")[0] in HEADS}
        assert heads
        assert set(heads.values()) == {torch.float32}
        assert all(of.dtype == torch.float32 for of in network(*batch) if of is not None)

    @pytest.mark.slow
    def test_is_one_graph_to_a_compiler(self, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        """As networks are compiled on GPUs: what breaks a graph apart is computed outside of it, slowly."""
        network = self.build().train()
        use_short_numbers(network)
        compiled = torch.compile(network, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(*batch).answer_bo, network(*batch).answer_bo, rtol=1e-2, atol=1e-2)

    def test_huge_and_empty_images_have_finite_answers(self) -> None:
        network = self.build().eval()
        for value in (0.0, 1e6, -1e6):
            assert network(torch.full((2, 2, 64, 64), value), torch.zeros(2, 2)).answer_bo.isfinite().all()
