"""What cannot be undercut: the mean squared error of the exact posterior mean image, on simulated galaxies.

    metrics = over_exact(about, cache=folder)                   # mse_over_exact, mse.exact, exact_share

No answer has a smaller one over the prior of plain galaxies (Lehmann & Casella 1998, theorem 4.1.1); it knows that they
are plain, which a model does not.
"""

from pathlib import Path
from typing import Any

import numpy as np

from components.core import TooFewDrawsError, code_of, settings_values
from components.evidence import Array, Measuring, array_digest, read_or_make, share
from components.fields import Metric, no_metric
from components.simulators.blurred_galaxies import posterior_image

__label__ = "deblurring_limits"

_SAMPLES = 256
"""Of each round and way to lie in the pixels."""
_GALAXY = ("n", "half_light_radius", "g1", "g2", "place_x", "place_y")


def over_exact(about: Measuring, *, cache: Path) -> dict[str, Metric]:
    """The model's mean squared error over that of the posterior mean, on the first plain test images.

    Args:
        about: the model.
        cache: folder where posterior means are kept.

    Returns:
        `mse_over_exact`; `mse.exact`, over the mean square of the truth; and `exact_share`, of images whose posterior
        could be sampled, which alone count.
    """
    settings: Any = about.settings
    plain = about.dataset.catalogue["structured"].to_numpy()[about.rows] == 0
    rows = about.rows[plain][: settings.evaluate.reference_images]
    if len(rows) < 2:
        said = no_metric(f"the exact posterior is known of {len(rows)} images, and 2 are needed")
        return dict.fromkeys(("mse_over_exact", "mse.exact", "exact_share"), said)
    batch, outputs = about.shown(rows)
    inputs = {name: array.double().numpy() for name, array in batch.inputs.items()}
    truth_bhw, ours_bhw = batch.targets["truth"].double().numpy(), outputs["restored"].double().numpy()
    table = about.dataset.catalogue.iloc[rows]
    galaxies = [{name: float(table[name].iloc[row]) for name in _GALAXY} for row in range(len(table))]
    mean_bhw = posterior_images(inputs, galaxies, settings, cache=cache)
    sampled = np.array([np.isfinite(mean_hw).all() for mean_hw in mean_bhw])
    known = share(sampled.astype(np.float64))
    noise_b = inputs["sigma"] ** 2
    ours, exact = (np.square(of - truth_bhw).mean(axis=(1, 2)) / noise_b for of in (ours_bhw, mean_bhw))
    if sampled.sum() < 2:
        said = no_metric(f"the posterior could be sampled of {sampled.sum()} images, and 2 are needed")
        return {"mse_over_exact": said, "mse.exact": said, "exact_share": known}
    both = np.stack([ours, exact], axis=1)[sampled]
    relative = exact * noise_b / np.square(truth_bhw).mean(axis=(1, 2))
    return {
        "mse_over_exact": about.metric_of_means(both, lambda mean: float(mean[0] / mean[1])),
        "mse.exact": about.metric(relative[sampled], np.mean),
        "exact_share": known,
    }


def posterior_images(
    inputs: dict[str, Array], galaxies: list[dict[str, float]], settings: Any, *, cache: Path
) -> Array:
    """Posterior means, shape (b, h, w), NaN where too few samples count; kept for every model.

    Args:
        inputs: `image`, `psf` and `sigma`.
        galaxies: the truths, to start from.
        settings: all of the problem's.
        cache: folder where results are kept.
    """
    decided = {
        **code_of(posterior_images).as_inputs(),
        "images": array_digest(inputs["image"]),
        "simulation": settings_values(settings.simulate),
        "samples": _SAMPLES,
        "seed": settings.evaluate.seed,
    }

    def make() -> dict[str, Array]:
        found = np.full(inputs["image"].shape, np.nan)
        for row, galaxy in enumerate(galaxies):
            try:
                found[row], _ = posterior_image(
                    inputs["image"][row], inputs["psf"][row], float(inputs["sigma"][row]), galaxy, settings.simulate,
                    samples=_SAMPLES, seed=settings.evaluate.seed,
                )  # fmt: skip
            except TooFewDrawsError:
                continue  # counted: `exact_share`
        return {"mean": found}

    return read_or_make("deblurred", decided, cache, make)["mean"]
