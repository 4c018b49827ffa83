from .gathering import confirm_masks as confirm_masks
from .gathering import gather_masks as gather_masks
from .plots import plot_examples as plot_examples
from .plots import plot_pixel_reliability as plot_pixel_reliability
from .scores import INSIDE as INSIDE
from .scores import POOLED as POOLED
from .scores import mask_metrics as mask_metrics
from .scores import pixel_scores as pixel_scores
