from .noises import NOISES as NOISES
from .problem import SkyDenoising as SkyDenoising
