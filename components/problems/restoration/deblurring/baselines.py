"""Ways without a network to deblur an image: what a network must beat.

    answers = baselines(power_hk)                    # by name: identity, wiener, richardson_lucy
    outputs = answers["wiener"](inputs)

`wiener` is the best linear filter of galaxies of a mean power spectrum (Wiener 1949), and as good as that spectrum is
known; `richardson_lucy` ten steps of Richardson (1972) and Lucy (1974). Shape suffixes: b batch, h height, w width, k
frequencies of a row.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from components.fields import Answer, Batch
from models.estimators.deblurred import TESTS, blurred, correlated, transfer

if TYPE_CHECKING:
    from models.fields import Arrays

__label__ = "deblurring_baselines"

NAMES = ("identity", "wiener", "richardson_lucy")
_STEPS = 10
_LEAST = 1e-3
"""Of the noise: pixels without light have at least as much, for divisions."""


def mean_power(batches: list[Batch]) -> Tensor:
    """Mean power spectrum of the truths over that of the noise, shape (h, k): what the best linear filter knows.

    Args:
        batches: galaxies that are all seen at one SNR.
    """
    parts = [
        (
            torch.fft.rfft2(batch.targets["truth"].double()).abs() / batch.inputs["sigma"].double()[:, None, None]
        ).square()
        for batch in batches
    ]
    power_hk = torch.cat(parts).mean(dim=0)
    return power_hk / batches[0].inputs["image"].shape[1] ** 2


def best_linear_mse(power_hk: Tensor, transfer_hk: Tensor) -> Tensor:
    """Least mean squared error of a linear filter over the noise's square: S / (|H|² S + 1), its mean over frequencies.

    Args:
        power_hk: as of `mean_power`.
        transfer_hk: of the one PSF.
    """
    error_hk = power_hk / (transfer_hk.abs().double().square() * power_hk + 1)
    height = error_hk.shape[0]
    # Of a row only half is there: all but its first and last frequency count twice.
    twice_k = torch.full_like(error_hk[0], 2.0)
    twice_k[0] = twice_k[-1] = 1.0
    return (error_hk * twice_k).sum() / height**2


def baselines(power_hk: Tensor) -> Mapping[str, Answer]:
    """Each of `NAMES` as a model that states no errors.

    Args:
        power_hk: as of `mean_power`.
    """

    def identity(image_bhw: Tensor, sigma_b: Tensor, transfer_bhk: Tensor) -> Tensor:  # noqa: ARG001
        return image_bhw

    def wiener(image_bhw: Tensor, sigma_b: Tensor, transfer_bhk: Tensor) -> Tensor:  # noqa: ARG001
        power = power_hk.to(image_bhw)
        filter_bhk = transfer_bhk.conj() * power / (transfer_bhk.abs().square() * power + 1)
        return blurred(image_bhw, filter_bhk)

    def richardson_lucy(image_bhw: Tensor, sigma_b: Tensor, transfer_bhk: Tensor) -> Tensor:
        least_b11 = _LEAST * sigma_b[:, None, None]
        seen_bhw = torch.maximum(image_bhw, least_b11)
        found_bhw = seen_bhw.mean(dim=(1, 2), keepdim=True).expand_as(seen_bhw)
        for _ in range(_STEPS):
            expected_bhw = torch.maximum(blurred(found_bhw, transfer_bhk), least_b11)
            found_bhw = found_bhw * correlated(seen_bhw / expected_bhw, transfer_bhk)
        return found_bhw

    def answering(of: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Answer:
        def answer(inputs: "Arrays") -> dict[str, Tensor]:
            image_bhw = inputs["image"]
            return {
                "restored": of(image_bhw, inputs["sigma"], transfer(inputs["psf"], size=image_bhw.shape[1])),
                "restored_error": torch.zeros_like(image_bhw),
                "departure": torch.zeros(len(image_bhw), len(TESTS), device=image_bhw.device),
            }

        return answer

    return {name: answering(of) for name, of in zip(NAMES, (identity, wiener, richardson_lucy), strict=True)}
