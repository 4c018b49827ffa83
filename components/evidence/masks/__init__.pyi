from .gathering import gather_masks as gather_masks
