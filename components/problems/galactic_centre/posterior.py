"""The exact posterior of one sky, as evidence asks for it: a chain that begins at the truth.

    exact = sky_posterior(image, truth, settings, row=3, draws=240, seed=7)

A sky is drawn again by its row, since a chain wants its sources and clouds, too. Draws that remember the truth are left
out.
"""

import numpy as np

from components.core import AssayError
from components.evidence.numbers import ExactPosterior
from components.fields import drawing_seeds
from components.simulators.galactic_centre import (
    FORGET,
    PARAMETERS,
    Array,
    Chains,
    GalacticCentreSettings,
    draw_skies,
    start_of,
)
from models.estimators.numbers import LEVELS

__label__ = "galactic_centre_posterior"


def sky_posterior(
    image: Array, truth: Array, settings: GalacticCentreSettings, *, row: int, draws: int, seed: int
) -> ExactPosterior:
    """What is known of a sky's parameters.

    Args:
        image: counts, shape (h, w).
        truth: of `PARAMETERS`, in this order.
        settings: the simulation's.
        row: of the test split.
        draws: sweeps that are kept.
        seed: of the sampling.

    Raises:
        AssayError: when the row's sky is not the one that the truth is of.
    """
    skies = draw_skies(settings, drawing_seeds(settings, "test", range(row, row + 1)))
    redrawn = skies.table[list(PARAMETERS)].to_numpy(dtype=np.float64)[0]
    if not np.allclose(redrawn, truth, rtol=1e-5):
        raise AssayError(f"row {row} of the test split is another sky today: draw the dataset anew by assay simulate")
    chains = Chains(settings, image[None].astype(np.float64), start_of(skies), seed=seed)
    found = []
    for sweep in range(FORGET + draws):
        chains.sweep()
        if sweep >= FORGET:
            found.append(np.concatenate([chains.amplitude_bk[0].cpu().numpy(), chains.number_bs[0].cpu().numpy()]))
    drawn_sp = np.stack(found).astype(np.float64)
    return ExactPosterior(
        mean=drawn_sp.mean(axis=0),
        sd=drawn_sp.std(axis=0, ddof=1),
        quantiles=np.quantile(drawn_sp, LEVELS, axis=0).T,
        samples=drawn_sp,
        log_density=None,
        steps_apart=draws // 2,
    )
