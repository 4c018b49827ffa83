from .gathering import confirm_masks as confirm_masks
from .gathering import gather_masks as gather_masks
