from .plots import plot_completeness as plot_completeness
from .plots import plot_examples as plot_examples
from .plots import plot_failure as plot_failure
from .plots import plot_reliabilities as plot_reliabilities
