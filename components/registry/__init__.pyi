from .mirror import ALIASES as ALIASES
from .mirror import Difference as Difference
from .mirror import lineage_tags as lineage_tags
from .registry import DatasetSource as DatasetSource
from .registry import Registry as Registry
from .training_log import TrainingLog as TrainingLog
from .versions import LINEAGE as LINEAGE
from .versions import headline_metrics as headline_metrics
