from .gathering import Gathering as Gathering
from .gathering import gather as gather
from .regression import RegressionProblem as RegressionProblem
from .settings import NumbersSettings as NumbersSettings
