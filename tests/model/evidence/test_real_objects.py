"""Real objects against other programs: calibrated where the answer is right, contradicted where it is wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from components.core.params import load_settings
from components.evidence.numbers import independent
from components.evidence.numbers.parts import Gathering, Part
from components.evidence.numbers.real_card import real_section
from components.evidence.numbers.real_objects import real_objects
from components.evidence.numbers.tools import MeasuringTool
from components.problems.galaxy_shape.problem import GalaxyShape
from components.problems.galaxy_shape.settings import GalaxyShapeSettings
from components.simulators.sersic import PARAMETERS, Array, SersicSettings, draw_sersics, measure_snr, sample_prior
from models.fields import Arrays
from tests.answers import stated
from tests.conftest import write_params

COUNT, DRAWS, REALISATIONS = 20, 12, 10
QUANTITIES = ("sep_flux", "sep_half_light_radius", "hsm_size", "hsm_g1", "hsm_g2")
ERROR = torch.tensor([0.02, 0.1, 0.01, 0.01, 0.01], dtype=torch.float64)
"""Of the answers, in the parameters' units: some less than the programs' own."""
Wrong = Callable[[Tensor], Tensor]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> GalaxyShapeSettings:
    folder = tmp_path_factory.mktemp("real")
    write_params(folder)
    return load_settings(folder / "params.yaml", "galaxy-shape", GalaxyShapeSettings)


@pytest.fixture(scope="module")
def objects(settings: GalaxyShapeSettings) -> dict[str, Array]:
    """Bright Sérsic galaxies in the place of real ones."""
    table = sample_prior(settings.simulate, np.random.default_rng(2), 400).assign(sigma=200.0, psf_fwhm=0.7)
    stamps = draw_sersics(table, settings.simulate)
    snr = measure_snr(stamps, table["sigma"].to_numpy())
    chosen = np.flatnonzero((snr > 40) & (snr < 100) & (table["half_light_radius"] > 0.25))[:COUNT]
    assert len(chosen) == COUNT
    columns = {name: table[name].to_numpy()[chosen] for name in (*PARAMETERS, "sigma", "psf_fwhm")}
    return {"stamp": stamps[chosen].astype(np.float32), **columns}


@dataclass
class Objects(GalaxyShape):
    """galaxy-shape with these objects for real ones."""

    kept: dict[str, Array]
    programs: tuple[MeasuringTool, ...] | None = None

    def real_images(self, folder: Path, simulation: SersicSettings) -> dict[str, Array]:
        return self.kept

    def tools(self, simulation: SersicSettings) -> tuple[MeasuringTool, ...]:
        return super().tools(simulation) if self.programs is None else self.programs


@dataclass
class Answering:
    """A model that knows the truth but for an error of its own, which hangs on the noise it is shown."""

    stored: dict[str, Array]
    wrong: Wrong = lambda value: value
    shown: list[Array] = field(default_factory=list)

    def __call__(self, inputs: Arrays, targets: Arrays | None = None) -> dict[str, Tensor]:
        image_bhw = inputs["image"]
        self.shown.append(image_bhw.numpy())
        generator = torch.Generator().manual_seed(int(image_bhw.abs().sum()))
        truth_bp = torch.from_numpy(np.stack([self.stored[name] for name in PARAMETERS], axis=1))
        value_bp = truth_bp + ERROR * torch.randn(truth_bp.shape, generator=generator)
        samples_bsp = value_bp[:, None] + ERROR * torch.randn(len(value_bp), DRAWS, 5, generator=generator)
        samples_bsp, likelihood_bp = self.wrong(samples_bsp), self.wrong(value_bp)
        outputs = stated(samples_bsp.mean(dim=1), ERROR.expand_as(value_bp), PARAMETERS, targets)
        one_b = torch.ones(len(value_bp))
        outputs |= {"samples": samples_bsp, "likelihood_correlation": torch.eye(5).expand(len(value_bp), 5, 5)}
        outputs |= {"likelihood_converged": one_b, "likelihood_edge": 0 * one_b, "p_value": one_b}
        for i, name in enumerate(PARAMETERS):
            outputs |= {f"likelihood_{name}": likelihood_bp[:, i], f"likelihood_{name}_error": ERROR[i] * one_b}
        return outputs


def measured(
    settings: GalaxyShapeSettings, stored: dict[str, Array], answer: Answering, *programs: MeasuringTool
) -> Part:
    about = Gathering(
        problem=Objects(stored, programs or None),
        answer=answer,
        dataset=cast(Any, None),
        whole=settings,
        device=torch.device("cpu"),
        progress=lambda _: None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(independent, "_REALISATIONS", REALISATIONS)
        return real_objects(about, Path("nowhere"))


@pytest.fixture(scope="module")
def right(settings: GalaxyShapeSettings, objects: dict[str, Array]) -> Part:
    return measured(settings, objects, Answering(objects))


def test_a_right_answer_is_contradicted_as_seldom_as_is_said(right: Part) -> None:
    table = right.tables["real-galaxies"]
    assert len(table) == 2 * len(QUANTITIES) * COUNT
    assert table["pull"].notna().all()
    assert not table["disagrees"].any()
    assert 0.02 < (table["chance"] < 0.05).mean() < 0.1
    for answer in ("posterior", "likelihood"):
        for quantity in QUANTITIES:
            assert right.metrics[f"{answer}.disagree.real.{quantity}"].high < 0.12
            assert 0.6 < right.metrics[f"{answer}.pull.real.{quantity}"].value < 1.5
        assert f"{answer}.pull.real.g1" in right.metrics
    assert right.metrics["flagged.real"].value == 0


def larger(value: Tensor) -> Tensor:
    return value * torch.tensor([1, 1, 1.3, 1, 1])


def sheared(value: Tensor) -> Tensor:
    return value + torch.tensor([0, 0, 0, 0.1, 0])


def brighter(value: Tensor) -> Tensor:
    return value * torch.tensor([1.2, 1, 1, 1, 1])


@pytest.mark.parametrize(("wrong", "contradicted"), [(larger, "hsm_size"), (sheared, "hsm_g1"), (brighter, "sep_flux")])
def test_a_wrong_answer_is_contradicted(
    settings: GalaxyShapeSettings, objects: dict[str, Array], wrong: Wrong, contradicted: str
) -> None:
    part = measured(settings, objects, Answering(objects, wrong))
    for answer in ("posterior", "likelihood"):
        assert part.metrics[f"{answer}.disagree.real.{contradicted}"].low > 0.7, answer
        assert part.metrics[f"{answer}.mean_pull.real.{contradicted}"].high < -2, answer


def test_no_two_images_have_noise_in_common(settings: GalaxyShapeSettings, objects: dict[str, Array]) -> None:
    """Neither what the model is shown, for any purpose, nor what either program measures."""
    seen: list[Array] = []

    def measure(images: Array, conditions: Array) -> Array:
        seen.append(images)
        total: Array = images.sum(axis=(1, 2))[:, None]
        return total

    programs = [MeasuringTool(name=name, quantities={f"{name}_sum": "counts"}, measure=measure) for name in "ab"]
    answer = Answering(objects)
    measured(settings, objects, answer, *programs)
    noise = np.stack([(images - objects["stamp"])[0].ravel() for images in (*answer.shown, *seen)])
    # The first realisation is answered twice, for what the model says of itself and for what is drawn of it.
    noise = np.unique(noise[np.std(noise, axis=1) > 150], axis=0)  # what is drawn of an answer has none
    assert len(noise) == 2 + 3 * REALISATIONS  # the model's two, and the errors' of the likelihood and both programs
    correlation = np.corrcoef(noise) - np.eye(len(noise))
    assert np.abs(correlation).max() < 6 / 64


def test_an_answer_that_no_program_finds_disagrees_and_an_object_that_none_finds_does_not(
    settings: GalaxyShapeSettings, objects: dict[str, Array]
) -> None:
    def measure(images: Array, conditions: Array) -> Array:
        peak: Array = images.max(axis=(1, 2))[:, None]
        return np.where(peak > 5.5 * 200, peak, np.nan)

    program = MeasuringTool(name="peak", quantities={"peak": "counts"}, measure=measure)
    gone = {**objects, "stamp": objects["stamp"].copy()}
    gone["stamp"][0] = 0
    part = measured(settings, gone, Answering(objects, lambda value: value * torch.tensor([1e-3, 1, 1, 1, 1])), program)
    table = part.tables["real-galaxies"]
    assert (table["disagrees"] == (table["image"] > 0)).all()
    assert part.metrics["likelihood.disagree.real.peak"].value == 1
    assert part.metrics["likelihood.pull.real.peak"].missing


def test_card_and_picture_say_what_was_found(right: Part) -> None:
    section = real_section(right)
    assert [table.title for table in section.tables] == ["RMS pull of two realisations", "Against other programs"]
    rows = {row[:2]: row for row in section.tables[1].rows}
    assert rows["posterior", "hsm_g1"][2].startswith("0.0%")
    assert rows["posterior", "hsm_g1"][3] == "0 of 0"
    assert "sep and galsim.hsm" in section.text
    figure = right.plots["real-galaxies"]
    assert len(figure.axes) == 2 * len(QUANTITIES)
    assert figure.axes[0].get_xlabel() == "posterior drawn [1e5 counts]"
    said = "Of 20 real objects sep or galsim.hsm contradicts the posterior of 0 and the likelihood of 0"
    assert figure.get_suptitle() == said


def test_refused_objects_count_apart(right: Part, settings: GalaxyShapeSettings) -> None:
    table = right.tables["real-galaxies"]
    refused = table.assign(flagged=table["image"] < 4, disagrees=table["image"] < 4)
    metrics = independent.independent_metrics(refused, settings.evaluate)
    assert all(metrics[name].value == 0 for name in metrics if ".disagree." in name)
    section = real_section(Part(metrics=right.metrics, tables={**right.tables, "real-galaxies": refused}))
    assert {row[3] for row in section.tables[1].rows} == {"4 of 4"}
