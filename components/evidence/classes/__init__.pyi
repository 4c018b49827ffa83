from .gathering import gather_classes as gather_classes
