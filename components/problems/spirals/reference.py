"""The reference regime: a model's answers beside the best ones, which are computed there.

    for snr in SNRS:
        images = reference_images(settings, count, snr, spirals_only=True)
        for batch, chance_bt in with_posterior(about, images, snr, bank): …

Images are drawn for this alone. Shape suffixes: b images, t templates.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from components.evidence import FailureImages, Measuring, observed
from components.fields import Batch
from components.simulators.spirals import LINEAR, Bank, arm_cover, posterior

__label__ = "spiral_reference_evidence"

SNRS = (8, 11, 15, 20)
Array = np.ndarray[Any, np.dtype[np.float64]]


def reference_images(bank: Bank, count: int, snr: float, *, seed: int) -> FailureImages:
    """Galaxies of the regime as a dataset would store them, all of one SNR.

    Args:
        bank: all that there are.
        count: of galaxies.
        snr: of their images.
        seed: by which they are chosen.
    """
    chosen = np.random.default_rng([seed, round(snr)]).choice(len(bank.chance_t), size=count, p=bank.chance_t)
    return FailureImages(
        stored={
            "light": bank.light_thw[chosen].astype(np.float32),
            "mask": bank.mask_thw[chosen].astype(np.float32),
            "arm_cover": arm_cover(bank.mask_thw[chosen]),
            "class": bank.class_t[chosen],
            "snr": np.full(count, snr),
            "stretch": np.full(count, LINEAR),
            "reference": np.ones(count),
        }
    )


def with_posterior(about: Measuring, images: FailureImages, bank: Bank, snr: float) -> Iterator[tuple[Batch, Array]]:
    """Batches of images, and of each image the probability of each template.

    Args:
        about: the model; its dataset is not read.
        images: as of `reference_images`.
        bank: all galaxies that there are.
        snr: of the images.
    """
    settings: Any = about.settings
    wanted = {field.name for field in about.problem.stored(settings.simulate)}
    stored = {name: array for name, array in images.stored.items() if name in wanted}
    seed = [settings.evaluate.seed, round(snr)]
    for batch in observed(about.problem, stored, settings, seed=seed, device=about.device):
        image_bhw = batch.inputs["image"].double().cpu().numpy()
        yield batch, posterior(bank, image_bhw, np.full(len(image_bhw), snr))
