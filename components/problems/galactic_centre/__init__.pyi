from .measures import MEASURED as MEASURED
from .measures import TOTAL as TOTAL
from .measures import ranges as ranges
from .measures import with_total as with_total
from .problem import GalacticCentre as GalacticCentre
