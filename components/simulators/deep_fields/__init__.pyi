from .drawing import draw_fields as draw_fields
from .settings import DeepFieldSettings as DeepFieldSettings
