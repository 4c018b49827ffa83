from .problem import Deblurring as Deblurring
