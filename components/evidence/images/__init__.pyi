from .gathering import gather_images as gather_images
