"""What noise leaves to be known: floors of the mean squared error, and the exact posterior mean.

    metrics = over_limits(about, found, cache=folder)              # mse.gaussian_over_limit, mse.gaussian.limit, …

Where noise was added to counts, these are what is wanted, and a Poisson draw themselves: of a pixel that is lost nobody
knows more than what was expected of it, whose variance is the floor (a Gaussian noise leaves a little of the draw).
Nobody knows what was expected either, so that the floor is below what can be reached. Where counts were taken as they
are, what was expected is wanted, and its posterior mean, from chains that begin at the truth, is the least mean squared
error (Lehmann & Casella 1998, theorem 4.1.1), on skies that are not turned.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.core import code_of, settings_values
from components.evidence import Array, Measuring, array_digest, read_or_make
from components.fields import FRESH, Batch, Metric, drawing_seeds, fresh_images, fresh_seed, no_metric
from components.problems.skies import posterior_means
from components.problems.sky_denoising.noises import ADDED, COUNTS, SPARING
from components.problems.sky_denoising.scores import image_scores, of_kind
from components.simulators.galactic_centre import GalacticCentreSettings, draw_skies

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "sky_denoising_limits"


def over_limits(about: Measuring, found: Mapping[str, Mapping[str, Array]], *, cache: Path) -> dict[str, Metric]:
    """`mse.<kind>.limit`, and the model's over it.

    Args:
        about: the model.
        found: its scores, by kind of noise.
        cache: folder where posterior means are kept.
    """
    metrics: dict[str, Metric] = {}
    for kind in ADDED:
        floors = replace(of_kind(about, kind), answer=lambda inputs: {}, progress=lambda count: None)  # noqa: ARG005
        least = floors.measure(lambda batch, outputs, kind=kind: {"floor": _floor(kind, batch, about.settings)})  # type: ignore[misc]  # noqa: ARG005
        metrics |= _over(about, kind, found[kind]["mse"], least["floor"])
    return metrics | _over_posterior(about, cache)


def sky_means(count_bhw: Array, simulation: GalacticCentreSettings, evaluate: Any, *, cache: Path) -> Array:
    """Mean of what was expected of each pixel given the counts, shape (b, h, w).

    Args:
        count_bhw: what was seen of fresh skies that are not turned.
        simulation: with the seed of those.
        evaluate: the `evaluate` section.
        cache: folder where results are kept.
    """
    inputs = {
        **code_of(sky_means).as_inputs(),
        "images": array_digest(count_bhw),
        "simulation": settings_values(simulation),
        "draws": evaluate.reference_draws,
        "seed": evaluate.seed,
    }

    def make() -> dict[str, Array]:
        skies = draw_skies(simulation, drawing_seeds(simulation, FRESH, range(len(count_bhw))))
        _, means = posterior_means(
            simulation, count_bhw, skies, lambda chains: {"expected": chains.expected_bhw},
            draws=evaluate.reference_draws, seed=evaluate.seed,
        )  # fmt: skip
        return means

    return read_or_make("means", inputs, cache, make)["expected"]


def _over_posterior(about: Measuring, cache: Path) -> dict[str, Metric]:
    settings: Any = about.settings
    count = settings.evaluate.reference_images
    if count < 2:
        said = no_metric(f"the exact posterior is known of {count} skies, and 2 are needed")
        return dict.fromkeys((f"mse.{COUNTS}_over_limit", f"mse.{COUNTS}.limit"), said)
    level = replace(settings, simulate=replace(settings.simulate, rotated=False, shard_size=max(count, 50)))
    seed = fresh_seed(settings.evaluate.seed, "posterior")
    (images,) = fresh_images(about.problem, level, seed=seed, count=count)
    here = replace(of_kind(about, COUNTS), dataset=images.dataset, settings=images.settings, split=FRESH)
    (batch,) = here.batches(images.dataset.rows(FRESH))
    most_b11 = batch.targets["maximum"].double()[:, None, None].cpu()
    count_bhw = (batch.inputs["image"].double().cpu() * most_b11).round().numpy()
    drawn = replace(level.simulate, seed=seed)
    mean_bhw = sky_means(count_bhw, drawn, settings.evaluate, cache=cache)
    miss_bhw = mean_bhw / most_b11.numpy() - batch.targets["clean_image"].double().cpu().numpy()
    ours = image_scores(batch, about.answer(batch.inputs))["mse"].cpu().numpy()
    return _over(about, COUNTS, ours, np.square(miss_bhw).mean(axis=(1, 2)))


def _over(about: Measuring, kind: str, ours: Array, least: Array) -> dict[str, Metric]:
    both = np.stack([ours, least], axis=1)
    return {
        f"mse.{kind}_over_limit": about.metric_of_means(both, lambda mean: float(mean[0] / mean[1])),
        f"mse.{kind}.limit": about.metric(least, np.mean),
    }


def _floor(kind: str, batch: Batch, settings: Any) -> "Tensor":
    """Least mean squared error of each image for who knows what was expected of every pixel."""
    clean_bhw = batch.targets["clean_image"].double()
    variance_bhw = clean_bhw / batch.targets["maximum"].double()[:, None, None]
    if kind == "gaussian":
        noise = settings.train.noise.gaussian**2
        variance_bhw = variance_bhw * noise / (variance_bhw + noise)
    if kind in SPARING:
        variance_bhw = variance_bhw * (batch.inputs["image"].double() != clean_bhw)
    found: Tensor = variance_bhw.mean(dim=(1, 2))
    return found
