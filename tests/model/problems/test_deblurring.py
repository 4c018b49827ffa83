"""deblurring: the interface, what PSFs do, the best linear filter, the exact posterior, and what is refused."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from components.core.errors import AssayError
from components.evidence.asking import asking
from components.evidence.failures import observed
from components.fields.dataset import Dataset
from components.fields.evaluation import Evaluation
from components.fields.presenting import Batch, presented
from components.fields.problem import Problem
from components.fields.splits import drawing_seeds
from components.problems.restoration.deblurring.baselines import baselines, best_linear_mse, mean_power
from components.problems.restoration.deblurring.benchmark import SNRS, seen
from components.problems.restoration.deblurring.presentation import turned
from components.simulators.blurred_galaxies import draw_galaxies, posterior_image, sharp_images
from models.estimators.deblurred import TESTS, DeblurredEstimator, blurred, kolmogorov_psf, transfer
from models.fields import Arrays
from tests.model.problems.problem_conformance import CPU, ProblemConformance
from tests.model.problems.small import fixtures, load_small

SMALL: dict[str, Any] = {
    "simulate": {
        "count": 128, "shard_size": 64, "size": 16, "psf_size": 15, "half_light_radius": [0.1, 0.5], "snr": [30, 250],
        "test_fraction": 0.2, "validation_fraction": 0.2, "confirmation_fraction": 0.2,
    },
    "train": {"width": 8, "epochs": 2, "batch_size": 8},
    "evaluate": {"benchmark_images": 16, "reference_images": 2, "bootstrap": 100},
}  # fmt: skip


def small_settings(**changed: Any) -> Any:
    return load_small("deblurring", {name: {**values, **changed.get(name, {})} for name, values in SMALL.items()})


problem, settings, small_dataset = fixtures("deblurring", small_settings)


class TestDeblurring(ProblemConformance):
    """The conformance tests on deblurring."""

    networks = ("small_unet", "deep_unet", "published_unet", "shuffled_residual")


def circular(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """By the definition: a sum over all pixels of the PSF."""
    middle = len(kernel) // 2
    found = np.zeros_like(image)
    for down, right in np.ndindex(*kernel.shape):
        found += kernel[down, right] * np.roll(image, (down - middle, right - middle), axis=(0, 1))
    return found


@pytest.mark.parametrize(("fwhm", "shear"), [(2.5, (0.0, 0.0)), (3.5, (0.05, -0.1)), (5.0, (-0.2, 0.0))])
def test_psfs_are_those_of_galsim(fwhm: float, shear: tuple[float, float]) -> None:
    import galsim

    ours = kolmogorov_psf(torch.tensor([fwhm]), torch.tensor([shear]), size=41)[0].numpy()
    psf = galsim.Kolmogorov(fwhm=fwhm).shear(g1=shear[0], g2=shear[1])
    theirs = psf.drawImage(nx=41, ny=41, scale=1.0, method="no_pixel").array
    assert ours.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(ours, theirs / theirs.sum(), atol=6e-4 * theirs.max() / theirs.sum())


def test_images_are_blurred_as_the_definition_has_it() -> None:
    rng = np.random.default_rng(1)
    image, kernel = rng.normal(size=(16, 16)), rng.uniform(size=(5, 5))
    found = blurred(torch.from_numpy(image)[None], transfer(torch.from_numpy(kernel)[None], size=16))
    np.testing.assert_allclose(found[0], circular(image, kernel), atol=1e-9)


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_galaxies_lie_on_an_edge_or_in_a_pixel_as_galsim_draws_them(place: tuple[int, int]) -> None:
    import galsim

    simulate = small_settings(simulate={"size": 32}).simulate
    found = sharp_images(torch.tensor([[1e4, 1.5, 0.4, 0.2, -0.1]]).double(), np.array([place]), simulate)[0]
    galaxy = galsim.Sersic(n=1.5, half_light_radius=0.4, flux=1e4).shear(g1=0.2, g2=-0.1)
    seen = galsim.Convolve(galaxy, galsim.Moffat(beta=3.0, fwhm=simulate.sharp_fwhm))
    drawn = seen.drawImage(nx=32, ny=32, scale=0.2, offset=(0.5 * place[0], 0.5 * place[1])).array
    np.testing.assert_allclose(found, drawn, atol=2e-4 * drawn.max())


def test_no_linear_filter_is_better_than_the_best_one(problem: Problem) -> None:
    """On Gaussian fields of one spectrum its error is what theory says; a filter of another spectrum has more."""
    generator = torch.Generator().manual_seed(1)
    psf = kolmogorov_psf(torch.tensor([3.0]), torch.zeros(1, 2), size=15)
    of = transfer(psf, size=16)
    rough = torch.randn(4000, 16, 16, generator=generator)
    truth = 5 * blurred(rough, transfer(kolmogorov_psf(torch.tensor([2.0]), torch.zeros(1, 2), size=15), size=16))
    image = blurred(truth, of) + torch.randn(truth.shape, generator=generator)
    inputs = {"image": image, "sigma": torch.ones(len(image)), "psf": psf.expand(len(image), -1, -1)}
    power = mean_power([Batch(inputs, {"truth": truth})])

    def error(power_hk: Tensor) -> float:
        return float((baselines(power_hk)["wiener"](inputs)["restored"] - truth).square().mean())

    assert error(power) == pytest.approx(float(best_linear_mse(power, of[0])), rel=0.01)
    assert error(0.3 * power) > error(power) < error(3 * power)


def test_ten_steps_of_richardson_and_lucy_are_scikit_images() -> None:
    from skimage.restoration import richardson_lucy

    image = 5 + np.random.default_rng(2).uniform(size=(32, 32))
    image[12:20, 12:20] += 20
    psf = kolmogorov_psf(torch.tensor([2.5]), torch.zeros(1, 2), size=9)
    inputs = {"image": torch.from_numpy(image)[None], "sigma": torch.tensor([1.0]).double(), "psf": psf.double()}
    ours = baselines(torch.ones(32, 17))["richardson_lucy"](inputs)["restored"][0].numpy()
    wide = np.pad(image, 32, mode="wrap")
    theirs = richardson_lucy(wide, psf[0].double().numpy(), num_iter=10, clip=False)[32:64, 32:64]  # type: ignore[no-untyped-call]
    np.testing.assert_allclose(ours, theirs, rtol=2e-2)


def test_the_posterior_mean_undercuts_the_best_linear_filter_and_finds_bright_galaxies(problem: Problem) -> None:
    settings = small_settings(simulate={"psf_ellipticity": 0.0, "structured": 0.0})
    table, truth = draw_galaxies(settings.simulate, drawing_seeds(settings.simulate, "test", range(6)))
    images = seen(truth, 60.0)
    (batch,) = observed(problem, images.stored, settings, seed=[3], device=CPU)
    linear = baselines(mean_power([batch]))["wiener"](batch.inputs)["restored"].numpy()
    errors: dict[str, list[float]] = {"linear": [], "posterior": []}
    for row in range(len(table)):
        galaxy = {str(name): float(table[name].iloc[row]) for name in table}
        mean, effective = posterior_image(
            batch.inputs["image"][row].numpy(), batch.inputs["psf"][row].numpy(), float(batch.inputs["sigma"][row]),
            galaxy, settings.simulate, samples=128, seed=1,
        )  # fmt: skip
        assert effective >= 100
        for name, found in (("linear", linear[row]), ("posterior", mean)):
            errors[name].append(float(np.square(found - truth[row]).sum() / np.square(truth[row]).sum()))
    assert np.mean(errors["posterior"]) < 0.5 * np.mean(errors["linear"])
    assert np.mean(errors["posterior"]) < 0.05


@pytest.fixture
def estimator(problem: Problem, settings: Any, small_dataset: Dataset) -> DeblurredEstimator:
    torch.manual_seed(0)
    found = DeblurredEstimator(problem.estimator_config(settings)).eval()
    problem.finish(found, small_dataset, settings)
    return found


@pytest.fixture
def inputs(problem: Problem, settings: Any, small_dataset: Dataset) -> Arrays:
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[1], device=CPU)
    return batch.inputs


def test_a_psf_that_is_not_normalised_or_not_centred_is_refused_by_its_image(
    estimator: DeblurredEstimator, inputs: Arrays
) -> None:
    def changed(psf: Tensor) -> Arrays:
        return {**inputs, "psf": torch.cat([inputs["psf"][:2], psf[2:3], inputs["psf"][3:]])}

    for wrong, said in (
        (changed(0.9 * inputs["psf"]), r"images\[2\].psf adds up to 0.9: must be normalised, to 1"),
        (changed(inputs["psf"] / inputs["psf"].amax()), r"images\[2\].psf adds up to .*: must be normalised"),
        (
            changed(inputs["psf"].roll(1, dims=2)),
            r"images\[2\].psf is centred .* pixels from the middle of its image \(down .0.0., right .[01]",
        ),
        ({**inputs, "psf_fwhm": torch.full_like(inputs["sigma"], 0.7)}, r"images\[0\] has both psf and psf_fwhm"),
    ):
        with pytest.raises(ValueError, match=said):
            estimator(wrong)


def test_a_round_psf_may_be_named_by_its_fwhm_and_one_left_out_is_doubted(
    estimator: DeblurredEstimator, inputs: Arrays
) -> None:
    fwhm = torch.full_like(inputs["sigma"], 0.7)
    round_psf = kolmogorov_psf(fwhm / 0.2, torch.zeros(len(fwhm), 2), size=15)
    plain = {name: inputs[name] for name in ("image", "sigma")}
    drawn, named = asking(estimator)({**plain, "psf": round_psf}), asking(estimator)({**plain, "psf_fwhm": fwhm})
    torch.testing.assert_close(drawn["restored"], named["restored"], rtol=1e-3, atol=1e-3)
    none = {**plain, "psf": torch.zeros_like(inputs["psf"]), "psf_fwhm": torch.zeros_like(fwhm)}
    for left_out in (plain, none):
        doubts = estimator.doubts(left_out, asking(estimator)(left_out), {})
        assert all(any("its PSF covers 1 pixels" in line for line in lines) for lines in doubts)


def test_an_answer_is_in_the_images_own_unit(estimator: DeblurredEstimator, inputs: Arrays) -> None:
    other = {**inputs, "image": 1000 * inputs["image"], "sigma": 1000 * inputs["sigma"]}
    answer, scaled = asking(estimator)(inputs), asking(estimator)(other)
    for name in ("restored", "restored_error"):
        torch.testing.assert_close(scaled[name], 1000 * answer[name], rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(scaled["departure"], answer["departure"], rtol=1e-3, atol=1e-3)


class Knowing(DeblurredEstimator):
    """One that answers with what it is told, for its doubts alone."""

    truth: Tensor

    def _answer(self, inputs: Arrays, psf_bkk: Tensor) -> tuple[Tensor, Tensor]:
        return self.truth, torch.zeros_like(self.truth)


def test_answers_that_do_not_explain_their_image_are_doubted(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    (batch,) = presented(problem, small_dataset, settings, small_dataset.rows("test"), seed=[1], device=CPU)
    estimator = Knowing(problem.estimator_config(settings)).eval()
    estimator.truth = batch.targets["truth"]
    estimator.learn_ordinary([(batch.inputs, batch.targets["truth"])])

    def doubted(changed: Arrays, said: str) -> float:
        lines = estimator.doubts(changed, asking(estimator)(changed), {})
        return float(np.mean([said in " ".join(of) for of in lines]))

    image, sigma = batch.inputs["image"], batch.inputs["sigma"]
    assert doubted(batch.inputs, "where the model was measured") == 0
    for factor in (0.5, 2.0):
        assert doubted({**batch.inputs, "sigma": factor * sigma}, "times the noise's square") == 1
    neighbour = torch.zeros_like(image)
    neighbour[:, 2:4, 2:4] = 20 * sigma[:, None, None]
    assert doubted({**batch.inputs, "image": image + neighbour}, "leaves something that stands out") > 0.9
    faint = {**batch.inputs, "image": image / 20}
    assert doubted(faint, "its SNR is") > 0.9


def test_evaluation_knows_a_perfect_answer_from_a_useless_one(
    problem: Problem, settings: Any, small_dataset: Dataset
) -> None:
    """A cheat that looks galaxies up by their images through the PSF, and one that leaves images as they are."""
    known = small_dataset.read(("truth",), np.arange(len(small_dataset.catalogue)))["truth"]

    def answering(restore: Callable[[Arrays], Tensor]) -> Evaluation:
        def answer(inputs: Arrays, targets: Arrays | None = None) -> dict[str, Tensor]:
            image = inputs["image"]
            error, departure = torch.ones_like(image), torch.zeros(len(image), len(TESTS))
            return {"restored": restore(inputs), "restored_error": error, "departure": departure}

        with tempfile.TemporaryDirectory() as cache:
            return problem.evaluate(
                answer, small_dataset, settings, device=CPU, cache=Path(cache), progress=lambda _: None
            )

    def look_up(inputs: Arrays) -> Tensor:
        found = []
        for image, psf in zip(inputs["image"], inputs["psf"], strict=True):
            through = blurred(known, transfer(psf[None], size=16))
            found.append(known[(through - image).square().sum(dim=(1, 2)).argmin()])
        return torch.stack(found)

    useless, perfect = (answering(of).metrics for of in (lambda inputs: inputs["image"], look_up))
    assert perfect["psnr.test"].value > 55
    assert perfect["mse.test"].value < 0.1
    assert perfect["residual.test"].value == pytest.approx(1, abs=0.05)
    assert perfect["mse_over_exact"].value < 1.5, "some galaxies are found as their likes"
    assert useless["mse_over_seen.test"].value == pytest.approx(1)
    for snr in SNRS:
        assert perfect[f"mse_over_linear.snr{snr}"].value < 0.5
        assert perfect[f"ellipticity_error.snr{snr}"].value < 0.1
        assert useless[f"mse_over_linear.snr{snr}"].value > 1
        for score in ("mse", "ellipticity_error"):
            assert useless[f"{score}.snr{snr}"].value == useless[f"{score}.identity.snr{snr}"].value > 0
        assert useless[f"linear_over_theory.snr{snr}"].value == pytest.approx(1, abs=0.1)


def test_a_turned_galaxy_is_the_same_galaxy(settings: Any, small_dataset: Dataset) -> None:
    truth = small_dataset.read(("truth",), small_dataset.rows("train")[:20])["truth"]
    chances = torch.rand(20, 5, generator=torch.Generator().manual_seed(1))
    changed = turned(truth, chances)
    torch.testing.assert_close(changed.flatten(1).sort().values, truth.flatten(1).sort().values)
    assert not torch.equal(changed, truth)
    same = torch.tensor([[0.5, 0.5, 0.9, 0.9, 0.9]])
    assert torch.equal(turned(truth[:1], same), truth[:1])


def test_settings_that_cannot_be_are_refused_by_name() -> None:
    for wrong, said in (
        ({"psf_size": 14}, "psf_size = 14: must be odd and at most size, 16"),
        ({"psf_size": 17}, "psf_size = 17: must be odd and at most size, 16"),
        ({"sharp_fwhm": 0.01}, "sharp_fwhm = 0.01: must be at least 0.05, a quarter of a pixel"),
        ({"psf_fwhm": [0.1, 0.9]}, "psf_fwhm"),
    ):
        with pytest.raises(AssayError, match=said):
            small_settings(simulate=wrong)
