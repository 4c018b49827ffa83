"""The training loss of regression problems: what the truth's negative log-likelihood is under the network's answer."""

from torch import Tensor

from models.estimators import Estimator

__label__ = "gaussian_loss"


def gaussian_loss(
    estimator: Estimator, image_bhw: Tensor, clean_bhw: Tensor, conditions_bc: Tensor, truth_bp: Tensor
) -> Tensor:
    """Negative log-likelihood of the truth, and how far a denoised image, where there is one, is from the clean one."""
    vector_bo, denoised_bhw = estimator.vector(image_bhw, conditions_bc)
    standard_bp = estimator.standardise(truth_bp, conditions_bc)
    loss_b = estimator.read(vector_bo).negative_log_likelihood(standard_bp)
    if denoised_bhw is not None:
        wanted_bhw = clean_bhw / estimator.noise(conditions_bc)[:, None, None]
        loss_b = loss_b + (denoised_bhw - wanted_bhw).square().mean(dim=(1, 2))
    return loss_b
