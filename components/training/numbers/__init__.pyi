from .recalibration import recalibrate as recalibrate
from .scoring import add_scoring as add_scoring
from .settings import NumbersTrainSettings as NumbersTrainSettings
from .settings import ScoringTrainSettings as ScoringTrainSettings
