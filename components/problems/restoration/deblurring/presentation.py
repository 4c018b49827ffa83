"""How galaxies are seen: through a PSF, at an SNR, with noise; in training turned, shifted and under others each time.

    inputs, targets = present(stored, seed_b, settings, training=True)

Shape suffixes: b batch, h height, w width.
"""

import torch
from torch import Tensor

from components.fields import Seeds, normal, random_numbers, uniform
from components.problems.restoration.deblurring.settings import DeblurringSettings
from components.simulators.blurred_galaxies import CONDITIONS, DRAWN, conditions
from models.estimators.deblurred import blurred, kolmogorov_psf, transfer
from models.fields import Arrays

__label__ = "deblurring_presentation"

_NOISE, _CONDITIONS, _SYMMETRY = range(3)
"""Streams of random numbers of each image."""
_SYMMETRIES = 5
"""Random numbers that a galaxy is turned and shifted by."""


def present(
    stored: Arrays, seed_b: Seeds, settings: DeblurringSettings, *, training: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The image, its noise and its PSF; and the truth."""
    truth_bhw = stored["truth"]
    seen_bc = torch.stack([stored[name] for name in CONDITIONS], dim=1)
    if training:
        drawn_bc = conditions(settings.simulate, random_numbers(seed_b, DRAWN, stream=_CONDITIONS))
        seen_bc = torch.from_numpy(drawn_bc).to(truth_bhw)
        truth_bhw = turned(truth_bhw, uniform(seed_b, (_SYMMETRIES,), stream=_SYMMETRY, device=torch.device("cpu")))
    fwhm_b, g1_b, g2_b, snr_b = seen_bc.unbind(1)
    simulate = settings.simulate
    psf_bkk = kolmogorov_psf(fwhm_b / simulate.pixel_scale, torch.stack([g1_b, g2_b], dim=1), size=simulate.psf_size)
    light_bhw = blurred(truth_bhw, transfer(psf_bkk, size=simulate.size))
    sigma_b = light_bhw.square().sum(dim=(1, 2)).sqrt() / snr_b
    noise_bhw = normal(seed_b, tuple(light_bhw.shape[1:]), stream=_NOISE, device=light_bhw.device)
    image_bhw = torch.addcmul(light_bhw, noise_bhw, sigma_b[:, None, None])
    return {"image": image_bhw, "sigma": sigma_b, "psf": psf_bkk}, {"truth": truth_bhw}


def turned(truth_bhw: Tensor, chance_bk: Tensor) -> Tensor:
    """Each galaxy turned by right angles, mirrored and shifted by a pixel at most, all by chances of its own.

    Args:
        truth_bhw: on any device.
        chance_bk: on the processor, which decides by them.
    """
    changed = []
    for truth_hw, chances in zip(truth_bhw, chance_bk.numpy().tolist(), strict=True):
        down, right = (int(3 * chance) - 1 for chance in chances[:2])
        here_hw = truth_hw.roll((down, right), dims=(0, 1))
        axes = [axis for axis, chance in enumerate(chances[2:4]) if chance < 0.5]
        here_hw = here_hw.flip(axes)
        changed.append(here_hw.T if chances[4] < 0.5 else here_hw)
    return torch.stack(changed)
