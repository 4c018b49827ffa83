"""Put together the evidence for a model that deblurs galaxies.

    evaluation = gather(about, cache=folder)

The test split as it is drawn; a benchmark at several SNRs beside ways without a network; the exact posterior mean;
HST's galaxies where params.yaml names a catalogue; failure maps; speed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.evidence import Array, Measuring, plot_axes, share, time_per_image
from components.evidence.restored import plot_departure, plot_galaxies, plot_ways
from components.fields import Confirmation, Evaluation, Loss, Metric
from components.problems.restoration.deblurring import sections
from components.problems.restoration.deblurring.benchmark import measure_benchmark
from components.problems.restoration.deblurring.departures import measure_departures
from components.problems.restoration.deblurring.limits import over_exact
from components.problems.restoration.deblurring.scores import MEANS, image_scores
from components.simulators.blurred_galaxies import sharp_real_galaxies

__label__ = "deblurring_evaluation"

_FLOOR = 1e-6
"""Of a squared error, over the mean square of the truth."""
_TIMED = 64
_BRIGHT = 30.0
"""SNR of HST's images from which their own noise is little beside what is measured."""
_FEWEST = 10
"""Galaxies that anything is measured of."""


def gather(about: Measuring, *, cache: Path) -> Evaluation:
    """All of it.

    Args:
        about: the model and what it is measured on.
        cache: folder for what does not depend on the model.
    """
    settings: Any = about.settings
    found = about.measure(image_scores)
    metrics: dict[str, Metric] = {}
    for name in MEANS:
        metrics |= about.metrics(name, found[name], np.mean)
    metrics["false_alarms.test"] = share(found["alarm"])
    first = about.rows[: settings.evaluate.benchmark_images]
    truth_bhw = about.dataset.read(("truth",), first)["truth"].numpy()
    benchmark, of_benchmark = measure_benchmark(about, truth_bhw)
    failures, of_failures = measure_departures(about, truth_bhw)
    metrics |= of_benchmark | over_exact(about, cache=cache) | of_failures
    tables = {"benchmark": benchmark, "failures": failures, "images": pd.DataFrame(found)}
    figures = {
        "examples": plot_galaxies(_chosen(about, found["mse_over_seen"])),
        "benchmark": plot_ways(benchmark, "simulated galaxies"),
        **plot_axes(failures, plot_departure),
    }
    if settings.evaluate.real_galaxies is not None:
        real = sharp_real_galaxies(Path(settings.evaluate.real_galaxies), settings.simulate)
        for name, prefix, least in (("real", sections.REAL, 0.0), ("real-bright", sections.REAL_BRIGHT, _BRIGHT)):
            chosen_bhw = real.truth_bhw[real.snr_b >= least]
            if len(chosen_bhw) >= _FEWEST:
                tables[name], of_real = measure_benchmark(about, chosen_bhw, prefix)
                metrics |= of_real
                figures[name] = plot_ways(tables[name], f"{len(chosen_bhw)} of HST's galaxies")
    timed = about.examples(_TIMED)[0].inputs
    report = sections.report(metrics)
    return Evaluation(
        metrics=metrics,
        timings=time_per_image(about.answer, {name: array.to(about.device) for name, array in timed.items()}),
        headline=(
            "mse_over_linear.snr20", "mse_over_linear.snr60", "mse_over_linear.snr200", "mse_over_exact",
            "ellipticity_error.snr20", "ellipticity_error.snr60", "ellipticity_error.snr200", "psnr.test", "ssim.test",
            "coverage68.test", "residual.test", "false_alarms.test",
        ),
        summary=f"{metrics['mse_over_linear.snr60'].value:.2f} times the best linear filter's squared error at SNR 60, "
        f"{metrics['mse_over_exact'].value:.2f} times that of the exact posterior mean",
        losses=_losses(found),
        slices=about.slice_of,
        report=report,
        sections=sections.sections(report, metrics, figures),
        tables=tables,
        tested_range={"inputs": {}},  # a model knows by itself what it learned from
        plots=figures,
    )  # fmt: skip


def confirmed(about: Measuring) -> Confirmation:
    """What the model loses on the confirmation split."""
    return Confirmation(losses=_losses(about.measure(image_scores)), slices=about.slice_of)


def _losses(found: dict[str, Array]) -> tuple[Loss, ...]:
    return (Loss(name="squared_error", values=found["mse"], floor=_FLOOR),)


def _chosen(about: Measuring, loss: Array) -> dict[str, Any]:
    """The images that gain most, as the median, and least."""
    order = np.argsort(loss)
    places = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    return {said: about.shown(about.rows[place : place + 1]) for said, place in places.items()}
