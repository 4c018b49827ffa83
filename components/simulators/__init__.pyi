from .checks import numbers as numbers
from .checks import prior_checks as prior_checks
from .checks import simulated_checks as simulated_checks
