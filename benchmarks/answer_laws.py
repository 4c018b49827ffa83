"""The laws of an answer, in figures: from any start, in any company, at any offset; and where its time goes.

python -m benchmarks answer_laws      # after `make run`, whose model answers
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks._answering import COUNT, newest_model, prior_images
from benchmarks.renderer import seconds
from components.simulators.sersic import PARAMETERS
from models.estimators.numbers import ScoringEstimator
from models.fields import Arrays
from models.galaxies import Camera, Domain, score
from models.galaxies.fitting.structures import fitting_grid
from models.galaxies.k_grid import group_by_axis
from tests.model.galaxies.test_rendering import BENCHMARK, draw, with_galsim


def main() -> None:
    """Print each figure beside what it has to be."""
    _, model = newest_model()
    prior = prior_images()
    _off_the_centre()
    _from_far_starts(model, prior)
    _in_company(model, prior)
    _where_time_goes(model, prior)


def _off_the_centre() -> None:
    """Round and long galaxies at offsets of 0–40 pixels against GalSim."""
    worst = 0.0
    for shape in ({"g1": 0.0, "g2": 0.0}, {"g1": 0.6, "g2": -0.29, "half_light_radius": 0.6}):
        centred = {**BENCHMARK, **shape}
        peak = with_galsim(centred).max()
        for offset in (0.0, 4.0, 8.0, 10.0, 20.0, 30.0, 40.0):
            for angle in (0.0, 0.7, math.pi / 2):
                galaxy = {**centred, "dx": offset * math.cos(angle), "dy": offset * math.sin(angle)}
                worst = max(worst, float(abs(draw(galaxy).numpy() - with_galsim(galaxy)).max() / peak))
    print(f"offsets of 0 to 40 pixels against GalSim: worst difference {worst:.1e} of the peak")


def _from_far_starts(model: ScoringEstimator, prior: Mapping[str, Tensor]) -> None:
    """The same maximum from every start, within 1e-3 bounds?"""
    sign = torch.randn(prior["truth"].shape, generator=torch.Generator().manual_seed(2)).sign()
    starts = {
        "one bound": prior["truth"] + sign * prior["bound"],
        "five bounds": prior["truth"] + 5 * sign * prior["bound"],
        "the prior's mean": prior["truth"].mean(dim=0).expand_as(prior["truth"]),
    }
    ends = {name: _scored(model, prior, start) for name, start in starts.items()}
    first = ends["one bound"]
    same = torch.ones(COUNT, dtype=torch.bool)
    for name, end in ends.items():
        apart = ((end.maximum_bp - first.maximum_bp) / prior["bound"]).abs().amax(dim=1)
        same &= (apart <= 1e-3) | ~end.converged_b
        steps = end.steps_b.double()
        print(
            f"from {name} away: {100 * float(end.converged_b.double().mean()):.1f} % converged, "
            f"{float(steps.mean()):.1f} steps, at most {int(steps.max())}"
        )
    print(f"the same maximum from all three within 1e-3 bounds, or marked: {100 * float(same.double().mean()):.2f} %")


def _scored(model: ScoringEstimator, prior: Mapping[str, Tensor], start: Tensor) -> Any:
    domain = model.drawing.domain if model.drawing else Domain()
    return score(prior["image"], start, prior["sigma"], prior["psf_fwhm"], Camera(), shot_noise=True, domain=domain)


def _in_company(model: ScoringEstimator, prior: Mapping[str, Tensor]) -> None:
    """300 images alone, in chunks and together, on one thread and on two."""
    inputs = {name: prior[name][:300] for name in ("image", "sigma", "psf_fwhm")}
    threads, outputs = torch.get_num_threads(), {}
    for count in (1, 2):
        torch.set_num_threads(count)
        for chunk in (1, 16, 64, 256, 300):
            outputs[count, chunk] = _in_chunks(model, inputs, chunk)
    torch.set_num_threads(threads)
    together, worst = outputs[1, 300], 0.0
    for found in outputs.values():
        for name in (f"{answer}_{one}" for answer in ("posterior", "likelihood") for one in PARAMETERS):
            for of in (name, f"{name}_error"):
                apart = (found[of] - together[of]).abs() / together[f"{name}_error"]
                worst = max(worst, float(apart.max()))
    print(f"alone, in 16, 64, 256 and 300, on one thread and two: values and errors within {worst:.1e} errors")


def _in_chunks(model: ScoringEstimator, inputs: Arrays, chunk: int) -> dict[str, Tensor]:
    with torch.inference_mode():
        parts = [
            model({name: array[first : first + chunk] for name, array in inputs.items()})
            for first in range(0, len(inputs["image"]), chunk)
        ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _where_time_goes(model: ScoringEstimator, prior: Mapping[str, Tensor]) -> None:
    """Of 64 images on one thread; and what their arithmetic alone would take."""
    inputs = {name: prior[name][:64] for name in ("image", "sigma", "psf_fwhm")}
    conditions, threads = model.conditions(inputs), torch.get_num_threads()
    torch.set_num_threads(1)
    drawing, image = model.drawing, inputs["image"]
    assert drawing is not None
    with torch.inference_mode():
        start = model.answer(model.known_by_network(image, conditions)).mean_bp
        scored = drawing.score(image, start, conditions)
        work: dict[str, Callable[[], object]] = {
            "the whole answer": lambda: model(inputs),
            "network": lambda: model.vector(image, conditions),
            "search, comparison": lambda: drawing.score(image, start, conditions),
            "  of it without any step": lambda: drawing.score(image, scored.maximum_bp, conditions, steps=0),
        }
        taken = {name: 1e6 * seconds(one, 10) / len(image) for name, one in work.items()}
    torch.set_num_threads(threads)
    steps = float(scored.steps_b.double().mean())
    for name, micro in taken.items():
        print(f"{name}: {micro:.0f} µs an image")
    step = (taken["search, comparison"] - taken["  of it without any step"]) / steps
    operations, kilobytes = _floor(inputs["psf_fwhm"])
    print(
        f"{steps:.1f} steps of {step:.0f} µs; one has {operations / 1e6:.2f} M multiplications with additions in its "
        f"sums over the grid ({operations / step / 1e3:.0f} a nanosecond) and works in {kilobytes:.0f} kB"
    )


def _floor(fwhm: Tensor) -> tuple[float, float]:
    """Multiplications of a step's sums over the grid, and the memory it works in, means over images."""
    even = {"half_light_radius": torch.full_like(fwhm, 0.6), "g1": torch.full_like(fwhm, 0.67)}
    groups = group_by_axis({**even, "g2": torch.zeros_like(fwhm), "fwhm": fwhm}, Camera())
    operations, floats = 0.0, 0.0
    for axis, rows in groups:
        grid, share = fitting_grid(Camera(), axis), 1.0 if rows is None else len(rows) / len(fwhm)
        image = 2 * grid.half * grid.nodes * (grid.padded + grid.half)  # cosines and sines, one axis after the other
        operations += share * (5 * image + 2 * grid.half * (grid.half + grid.nodes) * grid.padded)
        floats += share * (16 * grid.nodes * grid.padded + 16 * grid.half**2)
    return operations, 4e-3 * floats
