"""Put together the evidence for a model that tells what galaxies are, and which way their arms turn.

    evaluation = gather(about)

As every model of classes is judged (`components/evidence/classes`); of spirals as one class, and of their windings;
over the least possible error in the reference regime; on real pictures; failure maps; speed.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import torch

from components.evidence import Array, Figures, Measuring, axis_captions, plot_axes, share, time_per_image
from components.evidence.classes import gather_classes
from components.evidence.over_best import plot_loss_along, plot_over_best
from components.fields import Batch, Evaluation, Metric, Report, Section, no_metric
from components.problems.spirals.departures import doubted, measure_departures
from components.problems.spirals.problem import side_of
from components.problems.spirals.real import labelled_pictures
from components.problems.spirals.reference import SNRS, reference_images, with_posterior
from components.simulators.spirals import CLASSES, SpiralSettings, class_chances, posterior, reference_bank

if TYPE_CHECKING:
    from torch import Tensor

__label__ = "morphology_evidence"

LOSS = "error"
"""1 less the probability of the true class."""
_TIMED = 64
_SPIRAL = ("S", "Z")
_SURE = ("clear", "probable")
"""Of what was seen by eye of a real spiral's winding."""


def gather(about: Measuring) -> Evaluation:
    """All of it."""
    settings = cast("Any", about.settings)
    found = gather_classes(about, noise=1.0)
    metrics = dict(found.metrics) | grouped(found.tables["classes"], "test")
    quiet = replace(about, progress=lambda count: None)  # noqa: ARG005 - told of once
    metrics["false_alarms.test"] = share(quiet.measure(lambda _, outputs: {"alarm": doubted(outputs)})["alarm"])
    sections, tables, plots = list(found.sections), dict(found.tables), dict(found.plots)
    headline = ["accuracy.test", "brier.test", "calibration_error.test", "false_alarms.test"]
    if isinstance(settings.simulate, SpiralSettings):
        headline = [
            "accuracy.test",
            "accuracy_morphology.test",
            "accuracy_winding.test",
            "accuracy_over_bayes",
            *headline[1:],
        ]
        reference, of_reference = over_bayes(about)
        failures, of_failures = measure_departures(about, _scores, loss=LOSS, spirals_only=False)
        metrics |= of_reference | of_failures
        tables |= {"reference": reference, "failures": failures}
        plots["reference"] = plot_over_best(reference, "error", "share of images told wrong", "least possible")
        said = "mean of 1 less the true class's probability"
        plots |= plot_axes(failures, lambda here: plot_loss_along(here, LOSS, said))
        sections += [_over_best(metrics), _fails(metrics, plots)]
    if settings.evaluate.real_pictures is not None:
        metrics |= real_metrics(about)
        sections.append(_real(metrics))
    timed = about.examples(_TIMED)[0].inputs
    return replace(
        found, metrics=metrics, headline=tuple(headline), sections=tuple(sections), tables=tables, plots=plots,
        timings=time_per_image(about.answer, {name: array.to(about.device) for name, array in timed.items()}),
        tested_range={"inputs": {}},  # a model knows by itself what it learned from
    )  # fmt: skip


def over_bayes(about: Measuring) -> tuple[pd.DataFrame, dict[str, Metric]]:
    """The chance that the answered class is wrong, given the image, over the least there is.

    Returns:
        A row an SNR, with `error` and `best`, the model's and the least possible; `excess_error` (their difference),
        `bayes_error` and `accuracy_over_bayes`, of all SNRs, and `excess_error.snr<SNR>` of each; of the best answer
        for whoever is not told the sky's level, as no model is, `excess_error.sky_unknown`.
    """
    settings: Any = about.settings
    bank = reference_bank(size=side_of(settings.simulate), spirals_only=False)
    rows, metrics, of_all = [], dict[str, Metric](), list[Array]()
    for snr in SNRS if settings.evaluate.reference_images else ():
        images = reference_images(bank, settings.evaluate.reference_images, snr, seed=settings.evaluate.seed)
        parts = []
        for batch, chance_bt in with_posterior(about, images, bank, snr):
            image_bhw, chance_bk = batch.inputs["image"].double().cpu().numpy(), class_chances(bank, chance_bt)
            blind_bt = posterior(bank, image_bhw, np.full(batch.count, float(snr)), sky_known=False)
            answered = (
                about.answer(batch.inputs)["probabilities"].argmax(dim=1).cpu().numpy(),
                chance_bk.argmax(axis=1),
                class_chances(bank, blind_bt).argmax(axis=1),
            )
            parts.append(np.stack([chance_bk[np.arange(len(chance_bk)), of] for of in answered], axis=1))
        of_all.append(np.concatenate(parts))
        ours, best, _ = of_all[-1].T
        metrics[f"excess_error.snr{snr}"] = excess = about.metric(best - ours, np.mean)
        rows.append(
            {"snr": snr, "error": 1 - ours.mean(), "best": 1 - best.mean(), "low": excess.low, "high": excess.high}
        )
    if rows:
        ours, best, blind = np.concatenate(of_all).T
        metrics |= {
            "excess_error": about.metric(best - ours, np.mean),
            "excess_error.sky_unknown": about.metric(best - blind, np.mean),
            "bayes_error": about.metric(1 - best, np.mean),
            "accuracy_over_bayes": about.metric_of_means(
                np.stack([ours, best], axis=1), lambda mean: float(mean[0] / mean[1])
            ),
        }
    return pd.DataFrame(rows), metrics


def real_metrics(about: Measuring) -> dict[str, Metric]:
    """Of real pictures: `real.balanced_accuracy` of spiral against smooth, and `real.winding`, of clear windings.

    Elliptical and lenticular both count as smooth, as they look.
    """
    settings: Any = about.settings
    pictures = labelled_pictures(
        Path(settings.evaluate.real_pictures), size=side_of(settings.simulate), middle=settings.evaluate.real_middle
    )
    with torch.inference_mode():
        outputs = about.answer({"image": torch.from_numpy(pictures.image_bhw).to(about.device)})
    chance_bk = outputs["probabilities"].double().cpu().numpy()
    s, z = (CLASSES.index(name) for name in _SPIRAL)
    spiral = pictures.table["spiral"].to_numpy() == 1
    right = ((chance_bk[:, s] + chance_bk[:, z] > 0.5) == spiral).astype(np.float64)  # fmt: skip
    balance = np.where(spiral, 1 / spiral.mean(), 1 / (~spiral).mean()) / 2
    handed, sure = (pictures.table[name].to_numpy() for name in ("handedness", "handedness_confidence"))
    answered = np.where(chance_bk[:, s] >= chance_bk[:, z], "S", "Z")
    metrics = {
        "real.balanced_accuracy": about.metric(balance * right, np.mean),
        "real.accuracy_spiral": share(right[spiral]),
        "real.accuracy_smooth": share(right[~spiral]),
    }
    for name, of in (("clear", ("clear",)), ("clear_or_probable", _SURE)):
        chosen = np.isin(handed, _SPIRAL) & np.isin(sure, of)
        metrics[f"real.winding.{name}"] = share(np.equal(answered[chosen], handed[chosen]).astype(np.float64))
    return metrics


def grouped(table: pd.DataFrame, split: str) -> dict[str, Metric]:
    """Of spirals as one class; and of true spirals that were told as such, whether the winding was right."""
    truth, answered = (table[name].where(~table[name].isin(_SPIRAL), "spiral") for name in ("class", "answered"))
    right = np.array(truth == answered, dtype=np.float64)
    told = table[(truth == "spiral") & (answered == "spiral")]
    same = np.array(told["class"] == told["answered"], dtype=np.float64)
    return {
        f"accuracy_morphology.{split}": share(right),
        f"accuracy_winding.{split}": share(same) if len(told) else no_metric("no spiral was told as one"),
    }


def _scores(batch: Batch, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    true_b = outputs["probabilities"].gather(1, batch.targets["class"][:, None])[:, 0]
    right_b = outputs["probabilities"].argmax(dim=1) == batch.targets["class"]
    return {LOSS: 1 - true_b.double(), "accuracy": right_b.double()}


def _over_best(metrics: Mapping[str, Metric]) -> Section:
    rows = tuple(
        (f"SNR {snr}", metrics[f"excess_error.snr{snr}"].said(".4f"))
        for snr in SNRS
        if f"excess_error.snr{snr}" in metrics
    )
    return Section(
        title="Over the least possible error",
        text="Galaxies of which all is known but class and arms; there are a thousand, and the probability of each is "
        "computed. " + (f"The least error is {metrics['bayes_error'].said('.4f')}, the model's larger "
        f"by {metrics['excess_error'].said('.4f')}; for whoever is not told the sky's level, as no model is, by "
        f"{metrics['excess_error.sky_unknown'].said('.4f')} at least." if rows else "Not measured."),
        tables=(Report(title="Larger by", columns=("images of", "error"), rows=rows),),
        pictures=(("reference", "Share of images told wrong, and the least possible."),),
    )  # fmt: skip


def _fails(metrics: Mapping[str, Metric], figures: Figures) -> Section:
    return Section(
        title="Where it fails",
        text="Noise, blur, stretch, inclination and neighbours; grey: what the training had. "
        f"{metrics['false_alarms.test'].said('.1%')} of test pictures are doubted.",
        pictures=axis_captions(figures),
    )


def _real(metrics: Mapping[str, Metric]) -> Section:
    rows = tuple(
        (name.removeprefix("real."), metric.said(".3f")) for name, metric in metrics.items() if name.startswith("real.")
    )
    return Section(
        title="Real pictures",
        text="Which no model learned from; ellipticals and lenticulars both count as smooth.",
        tables=(Report(title="Right", columns=("of what", "share"), rows=rows),),
    )
