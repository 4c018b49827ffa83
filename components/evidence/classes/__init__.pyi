from .gathering import confirm_classes as confirm_classes
from .gathering import gather_classes as gather_classes
