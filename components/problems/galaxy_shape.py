"""`galaxy-shape`: flux, Sérsic index, half-light radius and reduced shear of one galaxy from one noisy image.

The simulation, the benchmark galaxy and the published results follow Harvard CS109b (Finkbeiner & Yin 2020).
"""

import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from components import bounds
from components.problems import errors_over_bound, regression
from components.problems.base import Shard
from components.problems.regression import BenchmarkCase, PublishedResult, RegressionProblem
from components.settings import SimulationSettings, TrainSettings
from components.simulators import galsim_sersics, sersic, sersic_drawing, sersic_shards
from components.simulators.sersic import PARAMETERS, SersicSettings
from models import k_grid, sersic_parameters, sersic_tables
from models import sersic as renderer

_BENCHMARK = {"flux": 1.0, "n": 3.0, "half_light_radius": 0.3, "g1": -0.069, "g2": 0.15, "psf_fwhm": 0.5}
_SIGMA = {30: 400.0, 60: 200.0}
"""Noise at which the benchmark galaxy has the SNR."""

_PUBLISHED = {
    30: (
        ("autoencoder (Yin 2020)", (-0.052, -0.57, 0.001, -0.019, 0.046), (0.12, 0.85, 0.060, 0.10, 0.10)),
        ("Xception CNN", (0.052, 0.740, 0.031, 0.013, -0.024), (0.098, 0.828, 0.060, 0.091, 0.100)),
        ("autoencoder", (0.014, 1.042, 0.041, -0.020, -0.021), (0.090, 0.745, 0.061, 0.102, 0.099)),
        ("U-Net (over the prior)", (0.079, -0.029, 0.013, 0.006, 0.064), (0.174, 1.23, 0.134, 0.18, 0.152)),
    ),
    60: (
        ("autoencoder (Yin 2020)", (-0.016, -0.48, -0.012, 0.001, -0.027), (0.072, 0.67, 0.036, 0.053, 0.061)),
        ("Xception CNN", (0.039, 0.435, 0.022, 0.011, -0.013), (0.063, 0.765, 0.035, 0.048, 0.055)),
        ("autoencoder", (-0.022, 0.835, 0.025, 0.012, 0.002), (0.058, 0.789, 0.036, 0.061, 0.056)),
        ("U-Net (over the prior)", (0.181, -0.145, 0.014, 0.002, 0.053), (0.209, 1.04, 0.125, 0.123, 0.125)),
    ),
}
"""Method, bias and sd of flux, n, half_light_radius, g1, g2; the U-Net's are averages over the prior at that SNR."""

_SCALES = {"flux": "log_over_noise", "n": "linear", "half_light_radius": "log", "g1": "linear", "g2": "linear"}
"""On which scale each parameter's error is closest to Gaussian; a network that sees image/σ sees flux/σ."""

_PRIOR_SAMPLE = 4096


class GalaxyShape(RegressionProblem):
    """Five Sérsic parameters, the PSF's width and the noise level being known."""

    name = "galaxy-shape"
    simulation_settings: ClassVar[type[SimulationSettings]] = SersicSettings
    truths = PARAMETERS
    conditions = ("sigma", "psf_fwhm")
    units: ClassVar[Mapping[str, str]] = {
        "flux": "1e5 counts",
        "n": "",
        "half_light_radius": "arcsec",
        "g1": "",
        "g2": "",
        "sigma": "counts",
        "psf_fwhm": "arcsec",
    }

    def simulator_sources(self) -> tuple[ModuleType, ...]:
        """The prior, the drawing and the bound."""
        drawing = (galsim_sersics, sersic_drawing, renderer, k_grid, sersic_parameters, sersic_tables)
        return (sersic, sersic_shards, bounds, *drawing)

    def simulator_libraries(self, settings: SersicSettings) -> tuple[str, ...]:
        """What the chosen renderer stands on; the bounds are torch's in any case."""
        return ("numpy", "scipy", "torch", *(["galsim"] if settings.renderer == "galsim" else []))

    def training_sources(self) -> tuple[ModuleType, ...]:
        """This module and the loss."""
        return (sys.modules[__name__], regression)

    def evaluation_sources(self) -> tuple[ModuleType, ...]:
        """This module, the statistics, and the bound of the benchmark galaxy."""
        return (sys.modules[__name__], regression, errors_over_bound, *self.simulator_sources())

    def draw_shard(self, settings: SersicSettings, shard: int) -> Shard:
        """Galaxies that pass the SNR cut."""
        return sersic_shards.draw_shard(settings, shard)

    def reference_stamps(self, settings: SersicSettings) -> np.ndarray[Any, Any]:
        """Corners of the prior."""
        return sersic_shards.reference_stamps(settings)

    def redraw(self, catalogue: pd.DataFrame, settings: SersicSettings) -> np.ndarray[Any, Any]:
        """The galaxies as GalSim draws them at high accuracy."""
        return galsim_sersics.draw_with_galsim(catalogue, settings, galsim_sersics.REFERENCE)

    def prior_ranges(self, settings: SersicSettings) -> Mapping[str, tuple[float, float]]:
        """The ranges of params.yaml, and what follows from them for g1 and g2."""
        most = settings.ellipticity[1]
        return {
            "flux": settings.flux,
            "n": settings.n,
            "half_light_radius": settings.half_light_radius,
            "g1": (-most, most),
            "g2": (-most, most),
            "psf_fwhm": settings.psf_fwhm,
            "sigma": settings.sigma,
            "snr": settings.snr,
        }

    def covered_columns(self) -> tuple[str, ...]:
        """Every parameter of the prior; the SNR follows from them."""
        return (*PARAMETERS, *self.conditions)

    def headline_metrics(self) -> tuple[str, ...]:
        """The test score and the RMSE at the benchmark galaxy's higher SNR."""
        return ("score.test", *(f"rmse_over_crb.snr60.{name}" for name in self.truths))

    def estimator_config(self, settings: SersicSettings, train: TrainSettings) -> dict[str, Any]:
        """Network and scales; means and sds are those of the prior."""
        prior = sersic.sample_prior(settings, np.random.default_rng([settings.seed, 2]), _PRIOR_SAMPLE)
        values: dict[str, Callable[[str], Any]] = {
            "linear": lambda column: prior[column],
            "log": lambda column: np.log(prior[column]),
            "log_over_noise": lambda column: np.log(prior[column] / prior["sigma"]),
        }
        return {
            "network": train.network,
            "width": train.width,
            "size": settings.size,
            "noise": "sigma",
            "conditions": [{"name": name, **_mean_and_sd(values["log"](name))} for name in self.conditions],
            "outputs": [
                {"name": name, "scale": _SCALES[name], **_mean_and_sd(values[_SCALES[name]](name))}
                for name in self.truths
            ],
        }

    def observe(self, stamp_bhw: Tensor, conditions_bc: Tensor, generator: Generator, settings: Any) -> Tensor:
        """Gaussian noise of each image's own σ, and the galaxy's Poisson noise when that is switched on.

        Both are drawn as one normal of their joint variance σ² + p: the sum's skewness is at most 0.385/σ, which is
        0.002 at σ = 200 counts, and a Poisson draw would take longer than the training step.
        """
        variance_b11 = conditions_bc[:, self.conditions.index("sigma"), None, None] ** 2
        # The transform leaves tiny negative pixels, which have no counts to fluctuate.
        variance_bhw = stamp_bhw.clamp_min(0) + variance_b11 if settings.shot_noise else variance_b11
        noise_bhw = torch.randn(stamp_bhw.shape, generator=generator)
        return torch.addcmul(stamp_bhw, noise_bhw, variance_bhw.sqrt())

    def augment(self, image_bhw: Tensor, truth_bp: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        """One of the eight symmetries of the square: a quarter turn flips the shear's sign, a mirror that of g2."""
        turns, mirror = (int(torch.randint(high, (), generator=generator)) for high in (4, 2))
        g1, g2 = PARAMETERS.index("g1"), PARAMETERS.index("g2")
        sign_p = torch.ones(truth_bp.shape[1])
        if turns % 2:
            sign_p[[g1, g2]] *= -1
        image_bhw = torch.rot90(image_bhw, turns, dims=(1, 2))
        if mirror:
            sign_p[g2] *= -1
            image_bhw = image_bhw.flip(2)
        return image_bhw, truth_bp * sign_p

    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """The test split by SNR."""
        edges = (10, 20, 40, 70, 100)
        return {f"test_snr{low}_{high}": ("snr", low, high) for low, high in pairwise(edges)}

    def benchmark_cases(self, simulation: SersicSettings) -> list[BenchmarkCase]:
        """The published galaxy at SNR 30 and 60, with the bound under this simulation's noise."""
        cases = []
        for snr, sigma in _SIGMA.items():
            galaxy = {**_BENCHMARK, "sigma": sigma}
            table = pd.DataFrame([galaxy])
            cases.append(
                BenchmarkCase(
                    name=f"snr{snr}",
                    label=f"SNR {snr}",
                    stamp=sersic_drawing.draw_sersics(table, simulation)[0],
                    truth=tuple(galaxy[name] for name in self.truths),
                    conditions=tuple(galaxy[name] for name in self.conditions),
                    bound=tuple(sersic_drawing.bound_sersics(table, simulation)[0]),
                    published=tuple(
                        PublishedResult(method=method, bias=bias, sd=sd) for method, bias, sd in _PUBLISHED[snr]
                    ),
                )
            )
        return cases


def _mean_and_sd(values: Any) -> dict[str, float]:
    # A prior may be a single value; the network then sees a constant.
    return {"mean": float(np.mean(values)), "sd": max(float(np.std(values)), 1e-3)}
