from .gathering import gather as gather
from .parts import Gathering as Gathering
from .regression import RegressionProblem as RegressionProblem
from .settings import NumbersSettings as NumbersSettings
