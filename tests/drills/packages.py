"""Packages of a small untrained network, built for real."""

from pathlib import Path

import torch
from torch import Tensor

from components.core.workspace import Workspace
from components.packages.building import build_package
from components.packages.files import Package
from models.estimators.numbers import NumbersEstimator
from models.estimators.saved import save_model
from tests.estimators import CONFIG, TESTED_RANGE

LINEAGE = {"data_md5": "0f" * 16, "git_commit": "a1" * 20}


def golden_inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    sigma = torch.tensor([120.0, 200.0, 310.0, 95.0])
    image_bhw = torch.randn(4, 64, 64, generator=generator) * sigma[:, None, None]
    return {"image": image_bhw, "sigma": sigma, "psf_fwhm": torch.tensor([0.4, 0.5, 0.6, 0.7])}


def new_workspace(root: Path) -> Workspace:
    """A workspace with one trained model, in `root / "trained"`."""
    (root / "params.yaml").write_text("problems: {}\n")
    torch.manual_seed(0)
    save_model(root / "trained", NumbersEstimator(CONFIG), {"problem": "galaxy-shape"})
    return Workspace(root=root, home=root / ".assay")


def build(workspace: Workspace, version: int = 3) -> Package:
    return build_package(
        workspace,
        model_folder=workspace.root / "trained",
        version=version,
        lineage=LINEAGE,
        tested_range=TESTED_RANGE,
        golden_inputs=golden_inputs(),
    )


def stored(workspace: Workspace) -> list[str]:
    return [folder.name for folder in (workspace.home / "bentoml" / "bentos" / "galaxy-shape").iterdir()]
