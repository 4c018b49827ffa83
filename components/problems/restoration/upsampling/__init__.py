"""`upsampling`: what a colour picture was before it was resized to a quarter and back.

* `problem.py`: what is asked, of which pictures; `settings.py`: what params.yaml says; `augmentation.py`: how
  pictures might have been taken as well; `degrading.py`: what befalls them
* `evaluation.py`: puts the evidence together; `scores.py`: what is measured of each picture; `baselines.py`: no network
  at all; `departures.py`: failure maps
* `sections.py`: what a person reads
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
