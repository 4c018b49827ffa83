from .problem import Upsampling as Upsampling
