"""`sky-denoising`: a gamma-ray sky without its noise, the error of each pixel, and which kind of noise it was.

* `problem.py`: what is asked, of which simulator; `noises.py`: the kinds of noise; `presentation.py`: what is shown
* `evaluation.py`: puts the evidence together; `scores.py`: what is measured of each image; `limits.py`: what noise
  allows; `baselines.py`: no network at all; `departures.py`: failure maps
* `sections.py`: what a person reads
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
