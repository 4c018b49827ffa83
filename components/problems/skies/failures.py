"""How skies may depart from what a network was trained on: the axes of its failure maps. None of it is told to a model.

    axes = failure_axes(settings, images, skies=128, seed=7)

Another PSF, other gas, brighter sources, fewer or more of them, light that the simulator does not know, less exposure.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from components.core import Remembered
from components.evidence import Delivery, FailureAxis, FailureImages
from components.fields import Seeds, binomial, poisson, row_seeds
from components.simulators.galactic_centre import GalacticCentreSettings, Skies, draw_skies
from models.fields import Arrays

__label__ = "sky_failures"

_LIGHT, _LOST = 2, 3
"""Streams of random numbers of each image; `presentation` of problems has those before."""
_RATIOS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)

_Draw = Callable[[float], FailureImages]


def failure_axes(
    settings: GalacticCentreSettings, images: Callable[[Skies], FailureImages], skies: int, seed: int
) -> list[FailureAxis]:
    """Each departure by itself.

    Args:
        settings: prior and camera.
        images: from skies to what a problem stores of them, and what errors are measured in.
        skies: how many are measured at each value.
        seed: of the skies, the same at every value and on every axis.
    """
    # Of each simulator once: axes have most skies in common.
    drawn = Remembered(lambda changed: images(draw_skies(changed, row_seeds([seed, 4], np.arange(skies)))))

    def altered(change: Callable[[float], GalacticCentreSettings]) -> _Draw:
        return lambda value: drawn(change(value))

    def delivered(deliver: Callable[[float], Delivery], usual: float) -> _Draw:
        ordinary = drawn(settings)
        return lambda value: ordinary if value == usual else replace(ordinary, delivery=deliver(value))

    gas, flux = settings.gas, settings.source_flux
    axes: list[tuple[str, str, str, tuple[float, ...], _Draw]] = [
        ("psf_sigma", "width of the PSF / the simulator's", "a PSF {:g} times as wide", _RATIOS,
         altered(lambda ratio: replace(settings, psf_sigma=settings.psf_sigma * ratio))),
        ("gas_height", "height of the gas / the simulator's", "gas {:g} times as high", _RATIOS,
         altered(lambda ratio: replace(settings, gas=replace(gas, height=gas.height * ratio)))),
        ("gas_clumpiness", "contrast of the gas' clouds / the simulator's", "a contrast of clouds {:g} times as large",
         (0.5, 1.0, 2.0, 4.0, 8.0),
         altered(lambda ratio: replace(settings, gas=replace(gas, softness=gas.softness / ratio)))),
        ("source_flux", "flux of a source / the simulator's", "a source flux {:g} times as large", _RATIOS,
         altered(lambda ratio: replace(settings, source_flux=replace(flux, mean=flux.mean + float(np.log(ratio)))))),
        ("source_number", "number of sources / the simulator's", "a number of sources {:g} times as large",
         (0.25, 0.5, 0.75, 1.0, 1.25, 1.5), altered(lambda ratio: _numbered(settings, ratio))),
        ("background", "even light that is not in the simulator [counts a pixel]", "an even light of {:g} counts",
         (0.0, 0.5, 1.0, 2.0, 5.0, 10.0), delivered(_with_light, 0.0)),
        ("exposure", "exposure / the simulator's", "{:g} of the exposure", (0.25, 0.5, 0.7, 0.85, 1.0),
         delivered(_exposed, 1.0)),
    ]  # fmt: skip
    usual = {"background": 0.0}
    return [
        FailureAxis(
            name=name, label=label, case=case.format, values=values, trained=(usual.get(name, 1.0),) * 2, draw=draw
        )
        for name, label, case, values, draw in axes
    ]


def _numbered(settings: GalacticCentreSettings, ratio: float) -> GalacticCentreSettings:
    def times(count: tuple[int, int]) -> tuple[int, int]:
        return round(count[0] * ratio), round(count[1] * ratio)

    centre, disk = settings.centre_sources, settings.disk_sources
    return replace(
        settings,
        centre_sources=replace(centre, count=times(centre.count)),
        disk_sources=replace(disk, count=times(disk.count)),
    )


def _with_light(level: float) -> Delivery:
    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        image_bhw = inputs["image"]
        return {**inputs, "image": image_bhw + poisson(seed_b, torch.full_like(image_bhw, level), stream=_LIGHT)}

    return deliver


def _exposed(share: float) -> Delivery:
    """Each count is lost by chance: what is left is a Poisson number of the share."""

    def deliver(inputs: Arrays, stored: Arrays, seed_b: Seeds) -> Arrays:  # noqa: ARG001
        return {**inputs, "image": binomial(seed_b, inputs["image"], share, stream=_LOST)}

    return deliver
