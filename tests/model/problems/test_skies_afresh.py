"""Skies drawn afresh in training: as likely as those that they are made of, and hardly ever the same twice."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from components.core.params import load_settings
from components.fields.randomness import row_seeds
from components.problems import find_problem
from components.problems.skies import show_afresh
from components.simulators.galactic_centre import CentreLaw, DiskLaw, GalacticCentreSettings
from tests.conftest import HOUSE

SKIES = 200


def sky_settings() -> GalacticCentreSettings:
    problem = find_problem("galactic-centre")
    simulation: Any = load_settings(HOUSE / "params.yaml", problem.name, problem.settings).simulate
    found: GalacticCentreSettings = replace(simulation, size=16)
    return found


def shown(sources_hw: torch.Tensor, cloud_hw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One sky as 200 presentations have it: its sources, and what is expected."""
    stored = {"sources": sources_hw.repeat(SKIES, 1, 1), "clouds": cloud_hw.repeat(SKIES, 1, 1)}
    found = show_afresh(stored, row_seeds([1], np.arange(SKIES)), sky_settings())
    return found.sources_bhw, found.expected_bhw


def quarters(map_bhw: torch.Tensor) -> torch.Tensor:
    """Each pixel of a quarter with its three mirror images, in order; shape (b, h / 2, w / 2, 4)."""
    half = map_bhw.shape[-1] // 2
    mirrored = [map_bhw, map_bhw.flip(1), map_bhw.flip(2), map_bhw.flip((1, 2))]
    return torch.stack(mirrored, dim=-1)[:, :half, :half].sort(dim=-1).values


def test_sources_change_places_with_their_own_mirror_images_only() -> None:
    sources_hw = torch.rand(16, 16, generator=torch.Generator().manual_seed(1))
    found_bhw, _ = shown(sources_hw, torch.zeros(16, 16))
    assert torch.equal(quarters(found_bhw), quarters(sources_hw[None]).expand(SKIES, -1, -1, -1))
    assert len({tuple(sky.flatten().tolist()) for sky in found_bhw}) == SKIES


def test_every_mirror_image_is_as_likely_whatever_its_neighbours_do() -> None:
    sources_hw = torch.zeros(16, 16)
    sources_hw[2, 3], sources_hw[2, 4] = 1, 2
    found_bhw, _ = shown(sources_hw, torch.zeros(16, 16))
    places = {(row, column) for row in (2, 13) for column in (3, 12)}
    first, second = ([tuple((sky == value).nonzero()[0].tolist()) for sky in found_bhw] for value in (1, 2))
    assert set(first) == places
    for place in places:
        assert 30 < first.count(place) < 70
    together = sum((a[0] == b[0]) and (a[1] < 8) == (b[1] < 8) for a, b in zip(first, second, strict=True))
    assert 30 < together < 70


def test_clouds_are_mirrored_as_a_whole() -> None:
    cloud_hw = 8 * torch.rand(16, 16, generator=torch.Generator().manual_seed(2))
    _, expected_bhw = shown(torch.zeros(16, 16), cloud_hw)
    denser_bw = expected_bhw[:, 7] > expected_bhw[:, 8]  # on either side of the plane, where bubbles hardly are
    share_w = denser_bw.float().mean(dim=0)
    assert 0.3 < float(share_w.min()) <= float(share_w.max()) < 0.7


def test_no_law_of_sources_knows_a_side() -> None:
    """What all this rests on."""
    for law in (CentreLaw(sky_settings()), DiskLaw(sky_settings())):
        share_hw = law.shares()
        for mirrored_hw in (share_hw[::-1], share_hw[:, ::-1]):
            np.testing.assert_allclose(mirrored_hw, share_hw, rtol=1e-9)
