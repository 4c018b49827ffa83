from .checks import simulated_checks as simulated_checks
