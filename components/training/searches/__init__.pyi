from .records import TrialRecord as TrialRecord
from .storage import create_storage as create_storage
from .study import Winner as Winner
from .study import search as search
from .study import study_name as study_name
