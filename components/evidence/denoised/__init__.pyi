from .plots import LOSS as LOSS
from .plots import plot_examples as plot_examples
from .plots import plot_failure as plot_failure
from .tools import even_out as even_out
from .tools import similarity as similarity
