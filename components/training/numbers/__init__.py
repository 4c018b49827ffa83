"""What trainings share whose models answer with numbers and their errors.

* `scoring.py`: the search put behind a trained network; `fits.py`, `proposal_training.py`, `bias_training.py`: what is
  learned about where it ends
* `recalibration.py`: intervals that hold; `settings.py`: what params.yaml says of all that
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
