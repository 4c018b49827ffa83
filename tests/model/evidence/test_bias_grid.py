"""The bias grid: points as they should be, and a bias, an interval and a bound that are what they must be."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from components.core.params import load_settings
from components.evidence.numbers.bias_grid import GridPoint, grid_metrics, measure_grid
from components.problems.galaxy_shape.grid import grid_points
from components.problems.galaxy_shape.problem import GalaxyShape
from components.problems.galaxy_shape.settings import GalaxyShapeSettings
from components.simulators.sersic import PARAMETERS, bound_sersics, measure_snr
from models.fields import Arrays
from tests.conftest import write_params

Answering = Callable[..., dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> GalaxyShapeSettings:
    folder = tmp_path_factory.mktemp("grid")
    write_params(folder)
    return load_settings(folder / "params.yaml", "galaxy-shape", GalaxyShapeSettings)


@pytest.fixture(scope="module")
def points(settings: GalaxyShapeSettings) -> list[GridPoint]:
    return grid_points(settings.simulate, count=32, seed=4)


def test_points_lie_in_the_prior_as_many_in_each_slice(points: list[GridPoint], settings: GalaxyShapeSettings) -> None:
    table = pd.DataFrame(
        [{name: point.stored[name][0] for name in (*PARAMETERS, "sigma", "psf_fwhm")} for point in points]
    )
    simulate = settings.simulate
    for name in ("flux", "n", "half_light_radius", "sigma", "psf_fwhm"):
        low, high = getattr(simulate, name)
        assert table[name].between(low - 1e-9, high + 1e-9).all(), name
    assert pd.Series([point.slice for point in points]).value_counts().tolist() == [8, 8, 8, 8]
    stamps = np.concatenate([point.stored["stamp"] for point in points])
    snr = measure_snr(stamps, table["sigma"].to_numpy())
    np.testing.assert_allclose(snr, [point.columns["snr"] for point in points], rtol=1e-3)
    bounds = [np.sqrt(np.diagonal(point.covariance_pp)) for point in points]
    np.testing.assert_allclose(bounds, bound_sersics(table, simulate), rtol=1e-4)


def test_an_index_is_judged_where_two_bounds_to_either_side_can_be_drawn(points: list[GridPoint]) -> None:
    for point in points:
        n, away = point.columns["n"], 2 * point.covariance_pp[1, 1] ** 0.5
        assert ("n" in point.judged) == (n - away >= 0.3 and n + away <= 6.2)
        inner = 1 <= n <= 4.5 and 0.15 <= point.columns["half_light_radius"] <= 0.5
        assert all((name in point.judged) == inner for name in PARAMETERS if name != "n")
    assert sum("n" in point.judged for point in points) >= 9


def answering(point: GridPoint, bias_p: np.ndarray, stretch: float) -> Answering:
    """An efficient estimate, stretched about the truth and moved."""
    truth_p = np.array([point.stored[name][0] for name in PARAMETERS])

    def answer(inputs: Arrays) -> dict[str, torch.Tensor]:
        noise_bhw = inputs["image"].double().numpy() - point.stored["stamp"]
        error_bp = stretch * np.einsum("bhw,phw->bp", noise_bhw, point.efficient_phw) + bias_p
        return {
            f"likelihood_{name}": torch.from_numpy(truth_p[i] + error_bp[:, i]) for i, name in enumerate(PARAMETERS)
        }

    return answer


@pytest.mark.parametrize("stretch", [1.0, 0.5])
def test_bias_and_bound_are_what_was_put_in(
    points: list[GridPoint], settings: GalaxyShapeSettings, stretch: float
) -> None:
    point = points[20]
    crb_p = np.sqrt(np.diagonal(point.covariance_pp))
    off_p = np.array([0.1, -0.3, 0.0, 0.2, 0.5])
    table = measure_grid(
        GalaxyShape(), answering(point, off_p * crb_p, stretch), [point], settings,
        pairs=512, seed=1, device=torch.device("cpu"), progress=lambda _: None,
    )  # fmt: skip
    assert table["answer"].unique().tolist() == ["likelihood"]
    assert table["low"].le(off_p + 1e-3).all()
    assert table["high"].ge(off_p - 1e-3).all()
    np.testing.assert_allclose(table["bias_over_crb"], off_p, atol=1e-3)  # odd in the noise, so that pairs cancel
    np.testing.assert_allclose(table["rmse_over_crb"], np.hypot(off_p, stretch), rtol=0.12)
    # Half an efficient estimate reaches the bound for its bias, and lies below the one for unbiased estimates.
    np.testing.assert_allclose(table["rmse_over_biased_bound"], 1, rtol=0.12)


def test_shares_count_what_is_certain_and_what_is_possible() -> None:
    table = pd.DataFrame(
        {
            "point": range(4),
            "answer": "likelihood",
            "truth": "n",
            "slice": "snr20_40",
            "judged": [True, True, True, False],
            "bias_over_crb": [0.0, 0.2, 0.4, 5.0],
            "low": [-0.1, 0.1, 0.3, 4.0],
            "high": [0.1, 0.3, 0.5, 6.0],
            "rmse_over_biased_bound": 1.0,
        }
    )
    metrics = grid_metrics(table, resamplings=100, seed=1)
    share = metrics["grid.likelihood.unbiased.n"]
    assert (share.low, share.value, share.high) == (1 / 3, 2 / 3, 2 / 3)
    assert metrics["grid.points.n.snr20_40"].value == 3
