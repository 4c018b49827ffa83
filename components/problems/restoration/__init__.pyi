from .deblurring import Deblurring as Deblurring
from .upsampling import Upsampling as Upsampling
