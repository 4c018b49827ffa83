"""The same galaxies under one round PSF at several SNRs: the model beside ways without a network, and limits.

    table, metrics = measure_benchmark(about, truth_bhw)            # mse_over_linear.snr60, ellipticity_error.snr60, …

SNRs are those of Li & Alexander (2023, MNRAS 522, L31). Their galaxies and their measure of ellipticity are others:
brighter galaxies of COSMOS, and moments of a fixed width over their response to shear.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from components.evidence import Array, FailureImages, Measuring, observed
from components.fields import Answer, Batch, Metric
from components.problems.restoration.deblurring.baselines import baselines, best_linear_mse, mean_power
from components.problems.restoration.deblurring.scores import SHAPES, image_scores, shape_scores
from models.estimators.deblurred import transfer

__label__ = "deblurring_benchmark"

SNRS = (20, 40, 60, 100, 200)
PSF_FWHM = 0.7
"""Arcseconds."""
OURS = "model"
_OVER: dict[str, Callable[..., Any]] = {
    "mse": np.mean,
    "psnr": np.mean,
    "ssim": np.mean,
    **dict.fromkeys(SHAPES, np.median),
}


def seen(truth_bhw: "np.ndarray[Any, Any]", snr: float, psf_fwhm: float = PSF_FWHM) -> FailureImages:
    """Galaxies as a dataset would store them, all to be seen under one round PSF at one SNR."""
    told = {"psf_fwhm": psf_fwhm, "psf_g1": 0.0, "psf_g2": 0.0, "snr": snr}
    return FailureImages(
        stored={"truth": truth_bhw, **{name: np.full(len(truth_bhw), of) for name, of in told.items()}}
    )


def measure_benchmark(
    about: Measuring, truth_bhw: "np.ndarray[Any, Any]", prefix: str = ""
) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """Scores of the model and of every baseline at every SNR.

    Args:
        about: the model; its dataset is not read.
        truth_bhw: the galaxies.
        prefix: of every metric's name.

    Returns:
        One row an SNR and way, `model` or of `NAMES`, with the mean or median of each score; and
        `<prefix><score>.snr<SNR>` of the model, `<prefix><score>.<way>.snr<SNR>` of the others,
        `<prefix>mse_over_linear.snr<SNR>`, its mean squared error over that of the best linear filter, and of that
        filter its own over what theory gives (`<prefix>linear_over_theory.snr<SNR>`).
    """
    rows, metrics = list[dict[str, Any]](), dict[str, Metric]()
    for snr in SNRS:
        images = seen(truth_bhw, snr)
        batches = list(
            observed(
                about.problem, images.stored, about.settings,
                seed=[about.settings.evaluate.seed, snr], device=about.device,
            )
        )  # fmt: skip
        power_hk = mean_power(batches)
        ways = {OURS: about.answer, **baselines(power_hk)}
        found = {way: _scores(about, batches, answer) for way, answer in ways.items()}
        for way, scores in found.items():
            middle = "" if way == OURS else f".{way}"
            row: dict[str, Any] = {"snr": snr, "way": way}
            for name, statistic in _OVER.items():
                values = scores[name][np.isfinite(scores[name])]
                metrics[f"{prefix}{name}{middle}.snr{snr}"] = metric = about.metric(values, statistic)
                row |= {name: metric.value, f"{name}_low": metric.low, f"{name}_high": metric.high}
            rows.append(row)
        both = np.stack([found[OURS]["squared"], found["wiener"]["squared"]], axis=1)
        metrics[f"{prefix}mse_over_linear.snr{snr}"] = about.metric_of_means(both, _ratio)
        theory = float(best_linear_mse(power_hk, transfer(batches[0].inputs["psf"][:1], size=truth_bhw.shape[1])[0]))
        metrics[f"{prefix}linear_over_theory.snr{snr}"] = about.metric(found["wiener"]["squared"] / theory, np.mean)
    return pd.DataFrame(rows), metrics


def _scores(about: Measuring, batches: list[Batch], answer: Answer) -> dict[str, Array]:
    settings: Any = about.settings
    parts: list[dict[str, Array]] = []
    for batch in batches:
        outputs = answer(batch.inputs)
        found = image_scores(batch, outputs) | shape_scores(batch, outputs, settings.simulate.pixel_scale)
        # In noises: what the best linear filter makes least over galaxies of one SNR.
        miss_bhw = (outputs["restored"] - batch.targets["truth"]).double()
        found["squared"] = (miss_bhw / batch.inputs["sigma"].double()[:, None, None]).square().mean(dim=(1, 2))
        parts.append({name: of.double().cpu().numpy() for name, of in found.items()})
        about.progress(batch.count if answer is about.answer else 0)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ratio(mean_2: Array) -> float:
    return float(mean_2[0] / mean_2[1])
