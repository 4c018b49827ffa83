from .plots import plot_loss_along as plot_loss_along
from .plots import plot_over_best as plot_over_best
