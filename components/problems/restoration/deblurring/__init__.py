"""`deblurring`: what a galaxy was before a known PSF and noise.

* `problem.py`: what is asked; `settings.py`: what params.yaml says; `presentation.py`: how galaxies are seen
* `evaluation.py`: puts the evidence together; `scores.py`: what is measured of each image; `benchmark.py`: the same
  galaxies at several SNRs; `baselines.py`: no network at all; `limits.py`: what cannot be undercut; `departures.py`:
  failure maps; `real.py`: HST's galaxies
* `sections.py`, `plots.py`: what a person reads and sees
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
