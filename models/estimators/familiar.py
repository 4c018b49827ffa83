"""Whether an image is one of those that a simulator draws, by how its light is spread and by how much of it there is.

    familiar = FamiliarImages({"size": 64, "cells": 4, "images": 4096, "said": "the diffuse emission"})
    familiar.learn(image_bhw)                              # of images like the training's, which nothing else saw
    outputs = familiar.arrays(image_bhw)                   # p_value: below FALSE_ALARMS the image is none of them
    familiar.doubts(outputs, image_bhw)                    # [["the diffuse emission is spread as in no …"], []]

The image is summed over coarse cells, the brightest pixels of each left out, which are sources. The cells' shares of
the light, as roots, are held against the mean and covariance that simulated images have, by Mahalanobis distance; the
light in all by its rank. How rare either is, images say that took no part in mean and covariance. Shape suffixes: b
batch, h height, w width, k cells, p pixels of a cell, n images learned from, t tests (`TESTS`).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.fields import Arrays, Field

__label__ = "familiar"

TESTS = ("spread", "level")
FALSE_ALARMS = 0.01
"""Share of images like the training's that are doubted, by both tests together."""
_SHARES = (0.8, 0.2)
"""Of that: how light is spread says more than how much there is."""
_LEAST = 3 / 8
"""Counts that are added to a cell before its root, so that empty ones do no harm (Anscombe 1948)."""
_FAINTEST = 0.75
"""Of a cell's pixels, those that count: a bright source in one of a hundred images hides less in what they sum to."""
_TENTH = 0.9
"""Quantile of the pixels above which they count as this."""
_FLOOR = 1e-6
"""Of the largest variance of a direction: directions that no image differs in tell nothing."""
_SAME = 0.02
"""Of p-values on another processor: one more or one less of the images learned from."""
_BRIGHTER = 100.0
"""Times the light of an image that hardly any has as much as."""


def brighter(image_bhw: Tensor) -> Tensor:
    """Images with so much more light that they must be doubted."""
    return _BRIGHTER * image_bhw + 1


class Found(NamedTuple):
    """Of each image."""

    distance_bt: Tensor
    """Spread: Mahalanobis distance squared. Level: logarithm of all light."""
    p_value_bt: Tensor
    """Chance of one as rare, over the test's share of the false alarms."""
    place_b2: Tensor
    """Centre of the cell that is farthest off, x and y from the image's centre, pixels."""
    off_b: Tensor
    """Light of that cell over what is usual, less 1."""


class FamiliarImages(nn.Module):
    """What simulated images are like.

    Args:
        config: with the keys
            size: pixels on a side;
            cells: on a side, a divisor of it;
            images: how many are learned from, an even number;
            said: what light is called in a doubt;
            turned: whether images may be turned by any angle, and are turned back first by how their light lies; not,
                by default;
            level: what there is more or less of where the level departs, all light by default.
    """

    mean_k: Tensor
    whiten_kk: Tensor
    spread_n: Tensor
    level_n: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self._size, self._cells, self._said = int(config["size"]), int(config["cells"]), str(config["said"])
        self._turned, self._level = bool(config.get("turned", False)), str(config.get("level", "the light"))
        if self._size % self._cells:
            raise ValueError(f"familiar.cells = {self._cells}: must divide the size, {self._size}")
        count, half = self._cells**2, int(config["images"]) // 2
        self.images = 2 * half
        for name, shape in {"mean_k": (count,), "whiten_kk": (count, count), "spread_n": (half,)}.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("level_n", torch.zeros(2 * half, dtype=torch.float64))

    @property
    def _side(self) -> int:
        """Pixels of a cell along a side; a square that may be turned within the image has smaller ones."""
        return int(self._size / (2**0.5 if self._turned else 1)) // self._cells

    @property
    def fields(self) -> tuple[Field, ...]:
        """What an answer says of it."""
        return (
            Field(name="p_value", absolute=_SAME),
            Field(name="departure_p_value", shape=(len(TESTS),), labels=TESTS, absolute=_SAME),
        )

    def arrays(self, image_bhw: Tensor) -> dict[str, Tensor]:
        """What `fields` names."""
        p_value_bt = self.examine(image_bhw).p_value_bt
        return {"p_value": p_value_bt.amin(dim=1).float(), "departure_p_value": p_value_bt.float()}

    def learn(self, image_bhw: Tensor) -> None:
        """Learn from images: the first half gives mean and covariance, the second says how rare a distance is.

        Args:
            image_bhw: as many as the configuration says.

        Raises:
            ValueError: when there are more or fewer.
        """
        if len(image_bhw) != self.images:
            raise ValueError(f"{len(image_bhw)} images to learn from: must be {self.images}")
        root_bk, level_b = self._read(image_bhw)
        first_bk = root_bk[: len(self.spread_n)]
        self.mean_k.copy_(first_bk.mean(dim=0))
        values_k, vectors_kk = torch.linalg.eigh(torch.cov(first_bk.T))
        known_k = values_k > _FLOOR * values_k.max()
        scale_k = torch.where(known_k, values_k.clamp_min(1e-300).rsqrt(), torch.zeros_like(values_k))
        self.whiten_kk.copy_(scale_k[:, None] * vectors_kk.T)
        self.spread_n.copy_(self._distance(root_bk[len(self.spread_n) :]).sort().values)
        self.level_n.copy_(level_b.sort().values)

    def examine(self, image_bhw: Tensor) -> Found:
        """What is found of images."""
        root_bk, level_b = self._read(image_bhw)
        distance_b = self._distance(root_bk)
        beyond_b = len(self.spread_n) - torch.searchsorted(self.spread_n, distance_b)
        below_b, above_b = (torch.searchsorted(self.level_n, level_b, right=right) for right in (True, False))
        rarer_b = 2 * torch.minimum(below_b, len(self.level_n) - above_b)
        chances_bt = torch.stack(
            [(beyond_b + 1) / (len(self.spread_n) + 1), (rarer_b + 1) / (len(self.level_n) + 1)], dim=1
        )
        off_bk = (root_bk / self.mean_k.clamp_min(1e-9)).square() - 1
        cell_b = off_bk.abs().argmax(dim=1)
        place_b2 = torch.stack([cell_b % self._cells, cell_b // self._cells], dim=1)
        return Found(
            distance_bt=torch.stack([distance_b, level_b], dim=1),
            p_value_bt=(chances_bt / chances_bt.new_tensor(_SHARES)).clamp_max(1),
            place_b2=(place_b2 + 0.5 - self._cells / 2) * self._side,
            off_b=off_bk.gather(1, cell_b[:, None])[:, 0],
        )

    def doubts(self, outputs: Arrays, image_bhw: Tensor) -> list[list[str]]:
        """For each image the reasons why it is none of those, the surest first.

        Args:
            outputs: with `departure_p_value`.
            image_bhw: that they are of.
        """
        found, said = self.examine(image_bhw), []
        for number, p_values in enumerate(outputs["departure_p_value"].tolist()):
            order = sorted((p_value, test) for test, p_value in enumerate(p_values) if p_value < FALSE_ALARMS)
            said.append([self._line(found, number, TESTS[test]) for _, test in order])
        return said

    def _line(self, found: Found, number: int, test: str) -> str:
        if test == "level":
            usual = self.level_n.median()
            times = float((found.distance_bt[number, 1] - usual).exp())
            return (
                f"there is {times:.2g} times {self._level} that is usual: hardly a simulated image has as much or as "
                "little"
            )
        x, y = found.place_b2[number].tolist()
        where = "turned upright, most" if self._turned else "most"
        distance, off = float(found.distance_bt[number, 0]), float(found.off_b[number])
        return (
            f"{self._said} is spread as in no simulated image: χ² {distance:.0f} of {len(self.mean_k)} cells, {where} "
            f"at x {x:+.0f}, y {y:+.0f} pixels from the centre, where its share is {100 * off:+.0f} % off"
        )

    def _distance(self, root_bk: Tensor) -> Tensor:
        distance_b: Tensor = ((root_bk - self.mean_k) @ self.whiten_kk.T).square().sum(dim=1)
        return distance_b

    def _read(self, image_bhw: Tensor) -> tuple[Tensor, Tensor]:
        """Roots of the cells' shares of the light, and the logarithm of all light."""
        image_bhw = upright(image_bhw.double(), self._side * self._cells) if self._turned else image_bhw.double()
        side = self._side
        pixel_bpk = functional.unfold(image_bhw[:, None], side, stride=side).sort(dim=1).values
        light_bk = pixel_bpk[:, : max(1, int(_FAINTEST * side**2))].sum(dim=1).clamp_min(0) + _LEAST
        light_b1 = light_bk.sum(dim=1, keepdim=True)
        return (light_bk / light_b1).sqrt(), light_b1[:, 0].log()


def upright(image_bhw: Tensor, size: int) -> Tensor:
    """The middle of images, turned so that their light lies along the rows, shape (b, size, size).

    The angle is that of the second moments of the light within a circle, its brightest pixels counted as the tenth
    brightest: sources tell nothing of how an image lies.

    Args:
        image_bhw: square.
        size: pixels on a side that are kept; no corner of them lies outside of the image at any angle.
    """
    whole = image_bhw.shape[1]
    place = torch.linspace(-1, 1, whole, dtype=image_bhw.dtype, device=image_bhw.device)
    y_hw, x_hw = torch.meshgrid(place, place, indexing="ij")
    inside_hw = (torch.hypot(x_hw, y_hw) <= 1).to(image_bhw.dtype)
    most_b = image_bhw.flatten(1).kthvalue(int(_TENTH * whole**2), dim=1).values
    weight_bhw = torch.minimum(image_bhw, most_b[:, None, None]) * inside_hw
    twice_b = torch.atan2(
        2 * (weight_bhw * (x_hw * y_hw)).sum(dim=(1, 2)), (weight_bhw * (x_hw**2 - y_hw**2)).sum(dim=(1, 2))
    )
    cosine_b, sine_b = (twice_b / 2).cos(), (twice_b / 2).sin()
    scale = size / whole
    nothing_b = torch.zeros_like(twice_b)
    rows = [scale * cosine_b, -scale * sine_b, nothing_b, scale * sine_b, scale * cosine_b, nothing_b]
    turn_b23 = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid_bhw2 = functional.affine_grid(turn_b23, [len(image_bhw), 1, size, size], align_corners=False)
    turned_b1hw = functional.grid_sample(image_bhw[:, None], grid_bhw2, align_corners=False)
    return turned_b1hw[:, 0]
