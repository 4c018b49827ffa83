"""Ways without a network to tell pixels with point sources from others: what a network must beat.

    baselines = Baselines.learned(problem, dataset, settings, device=device)
    outputs = baselines.answer("counts")(inputs)           # probabilities of each mask, as a model answers

`location` knows where sources are frequent, and not the image; `counts` takes each pixel's counts; `filter` is a
matched filter on the mean sky: the posterior odds of one source under the PSF, on a background that is the same in
every sky (for Poisson counts as Stewart 2006). Each score becomes a probability by how often such pixels are sources in
the validation split: an isotonic regression, which keeps their order (Zadrozny & Elkan 2002). Shape suffixes: b batch,
h height, w width, f fluxes, q quantiles of a score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from scipy.optimize import isotonic_regression
from scipy.special import logsumexp

from components.fields import Answer, Dataset, Problem, presented
from components.problems.point_sources.truths import MASKS, true_masks
from components.simulators.galactic_centre import Array, GalacticCentreSettings, mean_sources, psf_matrix

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from components.problems.point_sources.settings import PointSourcesSettings
    from models.fields import Arrays

__label__ = "point_sources_baselines"

NAMES = ("location", "counts", "filter")
_GROUPS = 1000
"""Pixels of like score are taken together in so many groups."""
_FLUXES = 8
"""Of a source, equally likely, that stand for their law."""
_SEED = 104
"""Second part of the seed of the noise of the images that they learn from."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """What they learned."""

    mean_hw: Array
    """Counts that are expected on average."""
    settings: GalacticCentreSettings
    curves: Mapping[tuple[str, str], tuple[Array, Array]]
    """Of each baseline and mask: scores, ascending, and the probability that each stands for."""

    @classmethod
    def learned(
        cls, problem: Problem, dataset: Dataset, settings: "PointSourcesSettings", *, device: "torch.device"
    ) -> "Baselines":
        """Learn from the validation split."""
        rows, seed = dataset.rows("validation"), [settings.evaluate.seed, _SEED]
        mean_hw = dataset.read(("expected",), rows)["expected"].double().mean(dim=0).numpy()
        blank = cls(mean_hw=mean_hw, settings=settings.simulate, curves={})
        scores: dict[str, list[Array]] = {}
        truths: dict[str, list[Array]] = {}
        for batch in presented(problem, dataset, settings, rows, seed=seed, device=device):
            for name, score in blank.scores(batch.inputs["image"].cpu().double().numpy()).items():
                scores.setdefault(name, []).append(score.ravel())
            for mask, truth in true_masks(batch.targets["flux"], settings.train).items():
                truths.setdefault(mask, []).append(truth.cpu().double().numpy().ravel())
        curves = {
            (name, mask): _calibrated(np.concatenate(score), np.concatenate(truths[mask]))
            for name, score in scores.items()
            for mask in MASKS
        }
        return cls(mean_hw=mean_hw, settings=settings.simulate, curves=curves)

    def scores(self, count_bhw: Array) -> dict[str, Array]:
        """Of each baseline, shape (b, h, w) each: the higher, the likelier a source."""
        location_hw = mean_sources(self.settings)
        return {
            "location": np.broadcast_to(location_hw, count_bhw.shape),
            "counts": count_bhw,
            "filter": np.log(location_hw) + self._log_likelihood_ratio(count_bhw),
        }

    def _log_likelihood_ratio(self, count_bhw: Array) -> Array:
        """Ln of the mean, over the law of fluxes, of the likelihood with a source over that without one."""
        kernel = psf_matrix(self.settings)[self.settings.size // 2]
        kernel = kernel[np.flatnonzero(kernel)]
        reach, size = len(kernel) // 2, self.settings.size
        law = self.settings.source_flux
        flux_f = np.exp(law.mean + law.sd * stats.norm.ppf((np.arange(_FLUXES) + 0.5) / _FLUXES))
        padded_bhw = np.pad(count_bhw, ((0, 0), (reach, reach), (reach, reach)))
        mean_hw = np.pad(self.mean_hw, reach, constant_values=np.inf)  # beyond the edge nothing is seen
        log_fbhw = np.zeros((_FLUXES, *count_bhw.shape))
        for (down, below), (right, beside) in product(enumerate(kernel), enumerate(kernel)):
            window = (..., slice(down, down + size), slice(right, right + size))
            seen_bhw, behind_hw = padded_bhw[window], mean_hw[window]
            for number, flux in enumerate(flux_f * below * beside):
                log_fbhw[number] += seen_bhw * np.log1p(flux / behind_hw) - flux * np.isfinite(behind_hw)
        ratio: Array = logsumexp(log_fbhw, axis=0)
        return ratio

    def answer(self, name: str) -> Answer:
        """One of `NAMES` as a model: from counts to the probability of each mask."""

        def answer(inputs: "Arrays") -> "dict[str, Tensor]":
            import torch

            score_bhw = self.scores(inputs["image"].cpu().double().numpy())[name]
            chances = {mask: np.interp(score_bhw, *self.curves[name, mask]) for mask in MASKS}
            return {mask: torch.from_numpy(of).to(inputs["image"].device) for mask, of in chances.items()}

        return answer


def _calibrated(score_n: Array, truth_n: Array) -> tuple[Array, Array]:
    order = np.argsort(score_n, kind="stable")
    groups = [group for group in np.array_split(order, _GROUPS) if len(group)]
    score_q, share_q = (np.array([of[group].mean() for group in groups]) for of in (score_n, truth_n))
    # Groups of one score, such as pixels of no counts, are one point.
    score_q, first_q, count_q = np.unique(score_q, return_index=True, return_counts=True)
    share_q = np.add.reduceat(share_q, first_q) / count_q
    fitted: Any = isotonic_regression(share_q, weights=count_q.astype(float))
    return score_q, fitted.x
