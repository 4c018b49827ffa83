"""What trainings share whose models answer with numbers and their errors.

* `scoring_correction.py`: the search put behind a trained network; `recalibration.py`: intervals that hold
* `settings.py`: what params.yaml says of that
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
