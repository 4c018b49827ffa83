from .upsampling import Upsampling as Upsampling
