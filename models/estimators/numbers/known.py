"""What is known of a batch of images, however it is said: densities, samples, and where truths lie in them.

    known = estimator.known(image_bhw, conditions_bc)
    known.samples(64), known.log_densities(truth_bp)["log_density"], known.pulls(truth_bp)

Shape suffixes: b batch, s samples, p parameters.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from models.estimators.numbers.gaussian import Gaussian
from models.estimators.numbers.scales import Scales

__label__ = "known"


class Known(ABC):
    """What is known."""

    @property
    def snr_b(self) -> Tensor | None:
        """SNR of the galaxy found; None where none was searched for."""
        return None

    @abstractmethod
    def samples(self, count: int) -> Tensor:
        """Of the posterior, in physical units, shape (b, count, p)."""

    @abstractmethod
    def pulls(self, truth_bp: Tensor) -> Tensor:
        """Where truths lie in the posterior of each parameter, shape (b, p).

        In standard deviations, or as the standard normal number of the same rank.
        """

    @abstractmethod
    def log_densities(self, truth_bp: Tensor) -> dict[str, Tensor]:
        """Ln of joint densities at truths, parameters in physical units, shape (b,) each.

        Of the posterior by the name `log_density`, of what stands behind it as `<name>_log_density`: the `network` is
        among them.
        """


@dataclass(frozen=True, kw_only=True)
class KnownByNetwork(Known):
    """A Gaussian on the standard scales."""

    gaussian: Gaussian
    scales: Scales
    noise_b: Tensor

    def samples(self, count: int) -> Tensor:
        """In pairs about the mean."""
        return self.scales.physical(self.gaussian.samples(count), self.noise_b).mT

    def pulls(self, truth_bp: Tensor) -> Tensor:
        """In standard deviations."""
        miss_bp = self.scales.standardise(truth_bp, self.noise_b) - self.gaussian.mean_bp
        pulls_bp: Tensor = miss_bp / self.gaussian.covariance().diagonal(dim1=1, dim2=2).sqrt()
        return pulls_bp

    def log_density(self, truth_bp: Tensor) -> Tensor:
        """As of `log_densities`."""
        standard_bp = self.scales.standardise(truth_bp, self.noise_b)
        return self.gaussian.log_density(standard_bp) + self.scales.log_stretch(truth_bp, standard_bp)

    def log_densities(self, truth_bp: Tensor) -> dict[str, Tensor]:
        """Of the network, which is all that there is."""
        return dict.fromkeys(("log_density", "network_log_density"), self.log_density(truth_bp))
