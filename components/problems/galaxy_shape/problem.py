"""`galaxy-shape`: flux, Sérsic index, half-light radius and reduced shear of one galaxy from one noisy image.

The simulation, the benchmark galaxy and the published results follow Harvard CS109b (Finkbeiner & Yin 2020).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from components.core import Members, ProblemSettings
from components.evidence import FailureAxis
from components.evidence.numbers import (
    BenchmarkCase,
    ExactPosterior,
    MeasuringTool,
    PublishedResult,
    RegressionProblem,
)
from components.fields import Answer, Checks, Honesty, Seeds, Shard, Sources, Use
from components.problems.galaxy_shape import failures, presentation, real
from components.problems.galaxy_shape.reading import GALAXY
from components.problems.galaxy_shape.settings import GalaxyShapeSettings
from components.simulators import simulated_checks
from components.simulators.sersic import (
    PARAMETERS,
    Array,
    Image,
    SersicSettings,
    bound_sersics,
    draw_galaxies,
    draw_sersics,
    galaxy_posterior,
    reference_stamps,
)
from components.training.numbers import add_scoring, recalibrate
from models.estimators.numbers import LEVELS, PSF_ERRORS, NumbersEstimator
from models.fields import Arrays, Field

if TYPE_CHECKING:
    import torch

    from components.fields import Dataset
    from models.estimators import Estimator

__label__ = "galaxy_shape"

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


HEADLINE = (
    "posterior.log_score.fresh",
    "posterior.log_score_over_exact",
    "posterior.coverage68.worst",
    "posterior.coverage95.worst",
    "tested.share",
    "false_alarms.fresh",
    *(f"likelihood.rmse_over_crb.snr60.{name}" for name in PARAMETERS),
)


class GalaxyShape(RegressionProblem):
    """Five Sérsic parameters, the PSF's width and the noise level being known."""

    name = "galaxy-shape"
    settings: ClassVar[type[ProblemSettings]] = GalaxyShapeSettings
    truths = PARAMETERS
    conditions = presentation.CONDITIONS
    use = Use(
        intended="Flux, Sérsic index, half-light radius and shear of single galaxies on stamps of one band, centred to "
        "a fraction of a pixel, with known noise and a known round PSF; as single values, or as averages over many.",
        out_of_scope=(
            "blended, cut-off or off-centre galaxies, stars and empty stamps: they are doubted, not measured",
            "images whose PSF is not known to about 1 %: no test of one image shows that it is another",
            "profiles far from a Sérsic law, and resampled images with correlated noise",
            "cosmic shear without a calibration: what is left of a bias is measured by itself (assay honesty)",
        ),
    )

    reading = GALAXY

    def sources(self, settings: SersicSettings) -> Sources:
        """The members of this class, and the exact posterior; what draws with GalSim only where params.yaml says so."""
        return replace(
            super().sources(settings),
            reference=(Members(of=self, names=("posterior", "truths")),),
            unused=("galsim_sersics",) if settings.renderer == "torch" else (),
        )

    def draw(self, settings: SersicSettings, split: str, rows: range) -> Shard:
        """Galaxies that pass the SNR cut."""
        return draw_galaxies(settings, split, rows)

    def reference(self, settings: SersicSettings) -> dict[str, Image]:
        """Corners of the prior."""
        return {"stamp": reference_stamps(settings)}

    def checks(self, dataset: "Dataset", settings: SersicSettings) -> Checks:
        """Prior, SNR, bounds, and a sample as GalSim draws it at high accuracy."""
        from components.simulators.sersic import REFERENCE, draw_with_galsim  # GalSim is slow to import

        most = settings.ellipticity[1]
        ranges = {
            "flux": settings.flux,
            "n": settings.n,
            "half_light_radius": settings.half_light_radius,
            "g1": (-most, most),
            "g2": (-most, most),
            "psf_fwhm": settings.psf_fwhm,
            "sigma": settings.sigma,
            "snr": settings.snr,
        }
        return simulated_checks(
            dataset,
            settings,
            ranges=ranges,
            covered=(*PARAMETERS, *self.conditions),  # the SNR follows from them
            redraw=lambda catalogue: draw_with_galsim(catalogue, settings, REFERENCE),
        )

    def headline(self) -> tuple[str, ...]:
        """Scores of the posterior, its worst coverage, and the likelihood's RMSE at the benchmark's higher SNR."""
        return HEADLINE

    def stored(self, settings: SersicSettings) -> tuple[Field, ...]:
        """The image without noise, truths and conditions."""
        truths = presentation.truth_fields()
        return (presentation.image_field("stamp", settings), *truths, *presentation.condition_fields(settings))

    def inputs(self, settings: SersicSettings) -> tuple[Field, ...]:
        """The image, its conditions, and how well the PSF is known."""
        image = presentation.image_field("image", settings)
        return (image, *presentation.condition_fields(settings), *PSF_ERRORS)

    def targets(self, settings: SersicSettings) -> tuple[Field, ...]:
        """The truths, and the image without noise for networks that make one."""
        return (*presentation.truth_fields(), presentation.image_field("clean_image", settings))

    def estimator_config(self, settings: GalaxyShapeSettings) -> dict[str, Any]:
        """See `presentation.py`."""
        return presentation.estimator_config(settings.simulate, settings.train)

    def present(
        self, stored: Arrays, seed_b: Seeds, settings: GalaxyShapeSettings, *, training: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """See `presentation.py`."""
        return presentation.present(stored, seed_b, settings, training=training)

    def slices(self) -> Mapping[str, tuple[str, float, float]]:
        """The test split by SNR, Sérsic index, radius and PSF."""
        edges = {
            "snr": ("snr", (10, 20, 40, 70, 100)),
            "n": ("n", (0.5, 1.5, 2.5, 4, 6)),
            "r": ("half_light_radius", (0.1, 0.2, 0.35, 0.6)),
            "fwhm": ("psf_fwhm", (0.5, 0.65, 0.8, 1.0)),
        }
        return {
            f"test_{short}{low:g}_{high:g}": (column, low, high)
            for short, (column, values) in edges.items()
            for low, high in pairwise(values)
        }

    def failure_axes(self, simulation: SersicSettings, objects: int, seed: int) -> list[FailureAxis]:
        """See `failures.py`."""
        return failures.failure_axes(simulation, objects, seed)

    def real_images(self, folder: Path, simulation: SersicSettings) -> dict[str, Array]:
        """See `real.py`."""
        return real.real_images(folder, simulation)

    def tools(self, simulation: SersicSettings) -> tuple[MeasuringTool, ...]:
        """See `real.py`."""
        return real.tools(simulation)

    def draw_answers(self, values: Array, conditions: Array, simulation: SersicSettings) -> Array:
        """See `real.py`."""
        return real.draw_answers(values, conditions, simulation)

    def posterior(
        self,
        image: Array,
        conditions: Array,
        truth: Array,
        simulation: SersicSettings,
        *,
        row: int,  # noqa: ARG002
        draws: int,
        seed: int,
    ) -> ExactPosterior:
        """See `components/simulators/sersic/posterior.py`."""
        sigma, psf_fwhm = (float(value) for value in conditions)
        found, log_density = galaxy_posterior(
            image, sigma, psf_fwhm, truth, simulation, samples=1024, least_effective=500, seed=seed
        )
        return ExactPosterior(
            mean=found.mean,
            sd=found.sd,
            quantiles=found.quantiles(LEVELS),
            samples=found.draws(draws, np.random.default_rng(seed)),
            log_density=float(log_density(truth[None])[0]),
        )

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
                    stored={
                        "stamp": draw_sersics(table, simulation),
                        **{name: table[name].to_numpy() for name in (*self.truths, *self.conditions)},
                    },
                    bound=tuple(bound_sersics(table, simulation)[0]),
                    published=tuple(
                        PublishedResult(method=method, bias=bias, sd=sd) for method, bias, sd in _PUBLISHED[snr]
                    ),
                )
            )
        return cases

    def measure_honesty(
        self,
        answer: Answer,
        settings: GalaxyShapeSettings,
        *,
        device: "torch.device",
        progress: Callable[[int], object],
    ) -> Honesty:
        """See `honesty.py`."""
        from components.problems.galaxy_shape.honesty import measure_honesty  # with Matplotlib

        return measure_honesty(self, answer, settings, device=device, progress=progress)

    def finish(
        self, estimator: "Estimator", dataset: "Dataset", settings: GalaxyShapeSettings
    ) -> tuple["Estimator", dict[str, Any]]:
        """The search, what is learned about where it ends, then intervals that hold what they promise."""
        assert isinstance(estimator, NumbersEstimator)
        scored, scoring = add_scoring(self, estimator, dataset, settings)
        recalibrate(self, scored, settings)
        return scored, {"scoring": scoring}
