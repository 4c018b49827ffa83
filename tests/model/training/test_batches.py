"""What a network sees in training: everything that can be drawn afresh is, and the same seeds draw the same."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch

from components.core.settings import ProblemSettings, settings_values
from components.fields.dataset import Dataset
from components.fields.presenting import Batch, presented
from components.fields.problem import Problem
from components.problems.galaxy_shape.settings import GalaxyTrainSettings
from components.training.batches import Batches

CPU = torch.device("cpu")


def batches(
    problem: Problem,
    dataset: Dataset,
    settings: ProblemSettings,
    *,
    fresh: bool = True,
    share: tuple[int, int] = (0, 1),
) -> Batches:
    chosen = replace(settings, train=replace(cast(GalaxyTrainSettings, settings.train), fresh_conditions=fresh))
    rows = dataset.rows("train")
    return Batches(problem, dataset, chosen, rows=rows, batch_size=20, device=CPU, share=share)


def epoch(made: Batches, seed: int) -> list[Batch]:
    return list(made.epoch([seed]))


def test_same_seeds_give_the_same_epoch_and_others_another(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    made = batches(problem, small_dataset, settings)
    first, again, other = epoch(made, 1), epoch(made, 1), epoch(made, 2)
    for one, two, three in zip(first, again, other, strict=True):
        assert torch.equal(one.inputs["image"], two.inputs["image"])
        assert not torch.equal(one.inputs["image"], three.inputs["image"])


def test_every_image_is_shown_once_an_epoch(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    made = batches(problem, small_dataset, settings, fresh=False)
    flux = torch.cat([batch.targets["flux"] for batch in epoch(made, 1)])
    assert len(flux) == made.steps * made.batch_size == len(small_dataset.rows("train"))
    assert len(set(flux.tolist())) == len(flux)


def test_processes_share_out_every_batch(problem: Problem, small_dataset: Dataset, settings: ProblemSettings) -> None:
    whole = epoch(batches(problem, small_dataset, settings, fresh=False), 1)
    parts = [epoch(batches(problem, small_dataset, settings, fresh=False, share=(rank, 2)), 1) for rank in (0, 1)]
    for batch, *shares in zip(whole, *parts, strict=True):
        together = torch.cat([share.targets["flux"] for share in shares])
        assert torch.equal(together.sort().values, batch.targets["flux"].sort().values)


def test_what_is_drawn_for_an_image_depends_on_neither_batches_nor_order(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    rows = small_dataset.rows("train")[:30]

    def shown(rows: np.ndarray[Any, Any], batch: int) -> dict[str, torch.Tensor]:
        """Image by flux, which no two galaxies share."""
        found = presented(problem, small_dataset, settings, rows, seed=[5], device=CPU, batch=batch)
        batches = [(b.targets["flux"], b.inputs["image"]) for b in found]
        return {str(float(f)): image for fluxes, images in batches for f, image in zip(fluxes, images, strict=True)}

    whole, parts, turned = shown(rows, 30), shown(rows, 7), shown(rows[::-1], 30)
    for name, image in whole.items():
        assert torch.equal(image, parts[name])
        assert torch.equal(image, turned[name])


def test_fresh_conditions_stay_within_the_prior_and_change_nearly_every_image(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    ranges = settings_values(settings.simulate)
    names = ("sigma", "psf_fwhm")
    columns = small_dataset.read(names, small_dataset.rows("train")).values()
    stored = {tuple(row) for row in torch.stack(list(columns), 1).tolist()}
    kept = 0
    for batch in epoch(batches(problem, small_dataset, settings), 1):
        for name in names:
            column, (low, high) = batch.inputs[name], ranges[name]
            assert ((column >= low - 1e-4) & (column <= high + 1e-4)).all()
        snr = batch.targets["clean_image"].square().sum(dim=(1, 2)).sqrt() / batch.inputs["sigma"]
        low, high = ranges["snr"]
        assert ((snr > 0.999 * low) & (snr < 1.001 * high)).all()
        kept += sum(tuple(row) in stored for row in torch.stack([batch.inputs[name] for name in names], 1).tolist())
    assert 0 < kept < 0.5 * len(stored)


def test_noise_has_the_level_that_the_conditions_state(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    for batch in epoch(batches(problem, small_dataset, settings), 3):
        variance = batch.inputs["sigma"][:, None, None] ** 2 + batch.targets["clean_image"].clamp_min(0)
        pull = (batch.inputs["image"] - batch.targets["clean_image"]) / variance.sqrt()
        assert abs(float(pull.mean())) < 0.02
        assert abs(float(pull.std()) - 1) < 0.02
