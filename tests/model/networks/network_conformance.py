"""What every network must keep to; `tests/model/networks/test_networks.py` runs it for each of `models.networks`."""

import pytest
import torch
from torch import nn

from models.networks import find_network


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
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = network(*batch).answer_bo.float().square().mean()
        loss.backward()
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in network.parameters())

    def test_huge_and_empty_images_have_finite_answers(self) -> None:
        network = self.build().eval()
        for value in (0.0, 1e6, -1e6):
            assert network(torch.full((2, 2, 64, 64), value), torch.zeros(2, 2)).answer_bo.isfinite().all()
