from .cases import BenchmarkCase as BenchmarkCase
from .cases import FailureAxis as FailureAxis
from .cases import FailureImages as FailureImages
from .cases import PublishedResult as PublishedResult
from .gathering import gather as gather
from .parts import Gathering as Gathering
from .problem import RegressionProblem as RegressionProblem
from .settings import NumbersSettings as NumbersSettings
