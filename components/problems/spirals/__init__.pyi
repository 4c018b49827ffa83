from .arms import SpiralArms as SpiralArms
from .morphology import SpiralMorphology as SpiralMorphology
