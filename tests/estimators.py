"""The smallest network of galaxy-shape's form, for tests to which only its shape matters."""

from typing import Any

CONFIG: dict[str, Any] = {
    "kind": "numbers",
    "network": "cnn",
    "width": 8,
    "size": 64,
    "noise": "sigma",
    "conditions": [{"name": "sigma", "mean": 5.3, "sd": 0.5}, {"name": "psf_fwhm", "mean": -0.5, "sd": 0.3}],
    "outputs": [
        {"name": "flux", "unit": "1e5 counts", "scale": "log_over_noise", "mean": 2.0, "sd": 0.5},
        {"name": "n", "scale": "linear", "mean": 2.0, "sd": 1.0},
        {"name": "half_light_radius", "unit": "arcsec", "scale": "log", "mean": 0.0, "sd": 0.4},
        {"name": "g1", "scale": "linear", "mean": 0.0, "sd": 0.2},
        {"name": "g2", "scale": "linear", "mean": 0.0, "sd": 0.2},
    ],
    "scoring_steps": 0,
    "drawing": None,
    "familiar": None,
}

TESTED_RANGE: dict[str, Any] = {
    "conditions": {"sigma": [100.0, 400.0], "psf_fwhm": [0.4, 1.2]},
    "snr": [10.0, 100.0],
    "axes": {},
}
