from .gathering import confirm_images as confirm_images
from .gathering import gather_images as gather_images
