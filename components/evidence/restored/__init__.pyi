from .plots import LOSS as LOSS
from .plots import plot_examples as plot_examples
from .plots import plot_failure as plot_failure
from .plots import plot_gains as plot_gains
from .tools import psnr as psnr
from .tools import ssim as ssim
