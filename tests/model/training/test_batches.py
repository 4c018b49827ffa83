"""What a network sees in training: everything that can be drawn afresh is, and the same seeds draw the same."""

from dataclasses import replace
from typing import cast

import numpy as np
import torch

from components.core.settings import ProblemSettings, settings_values
from components.fields.dataset import Dataset
from components.fields.problem import Problem
from components.problems.galaxy_shape.settings import GalaxyTrainSettings
from components.training.batches import Batch, Batches

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
    return list(made.epoch(np.random.SeedSequence([seed])))


def test_same_seeds_give_the_same_epoch_and_others_another(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    made = batches(problem, small_dataset, settings)
    first, again, other = epoch(made, 1), epoch(made, 1), epoch(made, 2)
    for one, two, three in zip(first, again, other, strict=True):
        assert torch.equal(one.image_bhw, two.image_bhw)
        assert not torch.equal(one.image_bhw, three.image_bhw)


def test_every_image_is_shown_once_an_epoch(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    made = batches(problem, small_dataset, settings, fresh=False)
    flux = torch.cat([batch.truth_bp[:, 0] for batch in epoch(made, 1)])
    assert len(flux) == made.steps * made.batch_size == len(small_dataset.rows("train"))
    assert len(set(flux.tolist())) == len(flux)


def test_processes_share_out_every_batch(problem: Problem, small_dataset: Dataset, settings: ProblemSettings) -> None:
    whole = epoch(batches(problem, small_dataset, settings, fresh=False), 1)
    parts = [epoch(batches(problem, small_dataset, settings, fresh=False, share=(rank, 2)), 1) for rank in (0, 1)]
    for batch, *shares in zip(whole, *parts, strict=True):
        together = torch.cat([share.truth_bp[:, 0] for share in shares])
        assert torch.equal(together.sort().values, batch.truth_bp[:, 0].sort().values)


def test_fresh_conditions_stay_within_the_prior_and_change_nearly_every_image(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    ranges = settings_values(settings.simulate)
    stored = {tuple(row) for row in small_dataset.columns(problem.conditions, small_dataset.rows("train")).tolist()}
    kept = 0
    for batch in epoch(batches(problem, small_dataset, settings), 1):
        for name, column in zip(problem.conditions, batch.conditions_bc.T, strict=True):
            low, high = ranges[name]
            assert ((column >= low - 1e-4) & (column <= high + 1e-4)).all()
        snr = batch.clean_bhw.square().sum(dim=(1, 2)).sqrt() / batch.conditions_bc[:, 0]
        low, high = ranges["snr"]
        assert ((snr > 0.999 * low) & (snr < 1.001 * high)).all()
        kept += sum(tuple(row) in stored for row in batch.conditions_bc.tolist())
    assert 0 < kept < 0.5 * len(stored)


def test_noise_has_the_level_that_the_conditions_state(
    problem: Problem, small_dataset: Dataset, settings: ProblemSettings
) -> None:
    for batch in epoch(batches(problem, small_dataset, settings), 3):
        variance = batch.conditions_bc[:, 0, None, None] ** 2 + batch.clean_bhw.clamp_min(0)
        pull = (batch.image_bhw - batch.clean_bhw) / variance.sqrt()
        assert abs(float(pull.mean())) < 0.02
        assert abs(float(pull.std()) - 1) < 0.02
