"""What every problem must keep to; each problem's test module subclasses `ProblemConformance`."""

from tests.model.problems.conformance.answers import AnswerConformance
from tests.model.problems.conformance.asked import CPU, show
from tests.model.problems.conformance.data import DataConformance
from tests.model.problems.conformance.evidence import EvidenceConformance
from tests.model.problems.conformance.training import TrainingConformance

__all__ = ["CPU", "ProblemConformance", "show"]


class ProblemConformance(DataConformance, TrainingConformance, AnswerConformance, EvidenceConformance):
    """Subclass it as `TestXyz`, with fixtures `problem`, `settings` and `small_dataset` of that problem."""
