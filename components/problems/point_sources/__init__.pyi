from .problem import PointSources as PointSources
from .truths import MASKS as MASKS
from .truths import true_masks as true_masks
