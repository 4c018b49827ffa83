"""Ways without a network to take noise off: what a network must beat.

    baselines = Baselines.learned(of_kind(about, "gaussian"))
    outputs = baselines.answer("filter")(inputs)

`identity` leaves images as they are, `mean` answers with the mean clean image, `filter` smooths by a Gaussian, `linear`
is the best linear map of 100 principal components, and `total_variation` after Chambolle (2004). Widths and weights are
those that are best on the validation split, for each kind of noise by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from components.evidence import Array, Measuring
from components.evidence.denoised import even_out
from components.fields import Answer

if TYPE_CHECKING:
    from torch import Tensor

    from models.fields import Arrays

__label__ = "sky_denoising_baselines"

NAMES = ("identity", "mean", "filter", "linear", "total_variation")
_WIDTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Pixels, standard deviations that are tried."""
_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
_COMPONENTS = 100
_TRIED = 32
"""Images that widths and weights are chosen by."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """What they learned of one kind of noise."""

    of: dict[str, Callable[[Array], Array]]
    """From images to images, shape (b, h, w), by name."""

    @classmethod
    def learned(cls, about: Measuring) -> "Baselines":
        """Learn from the validation split.

        Args:
            about: a problem of one kind of noise.
        """
        import torch

        batches = list(about.batches(about.dataset.rows("validation")))
        noisy_bhw = torch.cat([batch.inputs["image"] for batch in batches]).cpu().double().numpy()
        clean_bhw = torch.cat([batch.targets["clean_image"] for batch in batches]).cpu().double().numpy()
        tried = slice(0, _TRIED)

        def best(of: Callable[[Array, float], Array], values: tuple[float, ...]) -> Callable[[Array], Array]:
            lost = [np.square(of(noisy_bhw[tried], value) - clean_bhw[tried]).mean() for value in values]
            chosen = values[int(np.argmin(lost))]
            return lambda image_bhw: of(image_bhw, chosen)

        mean_hw = clean_bhw.mean(axis=0)
        return cls(
            of={
                "identity": lambda image_bhw: image_bhw,
                "mean": lambda image_bhw: np.broadcast_to(mean_hw, image_bhw.shape),
                "filter": best(_smoothed, _WIDTHS),
                "linear": _linear(noisy_bhw, clean_bhw),
                "total_variation": best(even_out, _WEIGHTS),
            }
        )

    def answer(self, name: str) -> Answer:
        """One of `NAMES` as a model that states no errors and knows no kinds."""

        def answer(inputs: "Arrays") -> "dict[str, Tensor]":
            import torch

            image_bhw = inputs["image"]
            restored = torch.from_numpy(np.ascontiguousarray(self.of[name](image_bhw.cpu().double().numpy())))
            return {
                "restored": restored.to(image_bhw.device),
                "restored_error": torch.zeros_like(image_bhw),
                "noise_kind": torch.zeros(len(image_bhw), 1, device=image_bhw.device),
            }

        return answer


def _smoothed(image_bhw: Array, width: float) -> Array:
    found: Array = ndimage.gaussian_filter(image_bhw, (0, width, width))
    return found


def _linear(noisy_bhw: Array, clean_bhw: Array) -> Callable[[Array], Array]:
    """Least squares between principal components of noisy and clean images."""
    noisy_bn, clean_bn = (of.reshape(len(of), -1) for of in (noisy_bhw, clean_bhw))
    noisy_n, clean_n = noisy_bn.mean(axis=0), clean_bn.mean(axis=0)
    count = min(_COMPONENTS, len(clean_bn) // 3)
    axes_kn = np.linalg.svd(clean_bn - clean_n, full_matrices=False)[2][:count]
    seen_bk, wanted_bk = (noisy_bn - noisy_n) @ axes_kn.T, (clean_bn - clean_n) @ axes_kn.T
    map_kk = np.linalg.lstsq(seen_bk, wanted_bk, rcond=None)[0]

    def denoise(image_bhw: Array) -> Array:
        flat_bn = (image_bhw.reshape(len(image_bhw), -1) - noisy_n) @ axes_kn.T @ map_kk @ axes_kn + clean_n
        found: Array = flat_bn.reshape(image_bhw.shape)
        return found

    return denoise
