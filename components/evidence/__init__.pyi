from .confirmation import Confirmed as Confirmed
from .confirmation import confirm as confirm
from .evaluation import Evidence as Evidence
from .evaluation import evaluate as evaluate
from .evaluation import evaluated_weights as evaluated_weights
from .evaluation import evaluation_inputs as evaluation_inputs
from .evaluation import read_evidence as read_evidence
from .refusals import CannotBeEvaluatedError as CannotBeEvaluatedError
