"""How far the noise of a border is from that of the pixels, beside other estimates of it.

python -m benchmarks border_noise

Images are of the priors of galaxy-shape and deblurring. The others are the same border by its median distance from the
median alone, and differences of neighbouring pixels (Rank et al. 1999), which no wide source and no slope of the sky
reaches, but which correlated noise misleads.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from components.core import load_settings
from components.fields import fresh_batches
from components.problems import find_problem
from models.estimators.border_noise import border, border_noise

HOUSE = Path(__file__).parents[1]
_COUNT = 4096
_MAD = 1.4826
_SLOPE = 0.5
"""Of the noise, at either side of an image: a sky that is not level."""
_BESIDE = 0.05
"""Of a pixel's noise, that is in each of its four neighbours, too: pixels side by side are correlated by a tenth."""


def main() -> None:
    """Print bias and scatter of each estimate, in slices, and where something else is in the image."""
    for name in ("galaxy-shape", "deblurring"):
        problem = find_problem(name)
        settings: Any = load_settings(HOUSE / "params.yaml", name, problem.settings)
        batches = list(fresh_batches(problem, settings, seed=4, count=_COUNT, device=torch.device("cpu")))
        image_bhw, sigma_b = (torch.cat([batch.inputs[of] for batch in batches]) for of in ("image", "sigma"))
        truth = "clean_image" if name == "galaxy-shape" else "truth"
        clean_bhw = torch.cat([batch.targets[truth] for batch in batches])
        measure(name, image_bhw, sigma_b, clean_bhw)


def measure(name: str, image_bhw: Tensor, sigma_b: Tensor, clean_bhw: Tensor) -> None:
    """Print what becomes of some images.

    Args:
        name: of the problem.
        image_bhw: with noise.
        sigma_b: that noise.
        clean_bhw: the galaxies, sharper perhaps.
    """
    side, scale_b11 = image_bhw.shape[1], sigma_b[:, None, None]
    slope_w = torch.linspace(-_SLOPE, _SLOPE, side)
    noise_bhw = torch.randn(image_bhw.shape, generator=torch.Generator().manual_seed(5))
    seen = {
        "prior": image_bhw,
        "a sky of −0.5 to +0.5 σ": image_bhw + scale_b11 * slope_w,
        "neighbour as bright, a third of the side away": image_bhw
        + (scale_b11 / scale_b11.flip(0)) * clean_bhw.flip(0).roll((side // 3, side // 6), (1, 2)),
        "noise alone": scale_b11 * noise_bhw,
        "noise alone, neighbours correlated by 0.1": scale_b11 * _correlated(noise_bhw),
    }
    snr_b = (clean_bhw.square().sum(dim=(1, 2)).sqrt() / sigma_b).numpy()
    radius_b = _radius(clean_bhw).numpy()
    rows = []
    for what, images in seen.items():
        for estimate, of in ESTIMATES.items():
            off_b = (torch.cat([of(part) for part in torch.split(images, 64)]) / sigma_b - 1).numpy()
            row = {"images": what, "estimate": estimate, "bias": off_b.mean(), "scatter": off_b.std()}
            if what == "prior":
                for by, values in (("SNR", snr_b), ("radius", radius_b)):
                    ends = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
                    row |= {
                        f"{by} {low:.3g}-{high:.3g}": off_b[(values >= low) & (values <= high)].mean()
                        for low, high in pairwise(ends)
                    }
            rows.append(row)
    print(f"\n{name}: {len(image_bhw)} images; bias and scatter of the estimate over the noise")
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:+.2%}".format, na_rep=""))


def _correlated(noise_bhw: Tensor) -> Tensor:
    """Noise of the same variance that is in neighbours, too."""
    kernel = torch.tensor([[0, _BESIDE, 0], [_BESIDE, 1, _BESIDE], [0, _BESIDE, 0]])
    padded = functional.pad(noise_bhw[:, None], (1,) * 4, mode="circular")
    return functional.conv2d(padded, (kernel / kernel.square().sum().sqrt())[None, None])[:, 0]


def _radius(clean_bhw: Tensor) -> Tensor:
    """Of the pixels that have half of an image's light, were they a disc."""
    sorted_bn = clean_bhw.flatten(1).sort(dim=1, descending=True).values.cumsum(dim=1)
    return ((sorted_bn < sorted_bn[:, -1:] / 2).sum(dim=1) / torch.pi).sqrt()


def _median_distance(image_bhw: Tensor) -> Tensor:
    pixel_bn = border(image_bhw, image_bhw.shape[1] // 8)
    distance_bn = (pixel_bn - pixel_bn.median(dim=1, keepdim=True).values).abs()
    return _MAD * distance_bn.median(dim=1).values


def _differences(image_bhw: Tensor) -> Tensor:
    finest_bhw = image_bhw[:, 1:, 1:] - image_bhw[:, :-1, 1:] - image_bhw[:, 1:, :-1] + image_bhw[:, :-1, :-1]
    return _MAD * (finest_bhw / 2).abs().flatten(1).median(dim=1).values


ESTIMATES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "border, clipped": border_noise,
    "border, median distance": _median_distance,
    "differences, median": _differences,
}
