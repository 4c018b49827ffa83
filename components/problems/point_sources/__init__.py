"""`point-sources`: which pixels of a gamma-ray sky hold point sources, how bright these are, and a list of them.

* `problem.py`: what is asked, of which simulator; `presentation.py`: how skies are shown to a network
* `evaluation.py`: puts the evidence together; `truths.py`: the masks that it is held against; `listed.py`: the list
* `posterior.py`: the exact posterior of each pixel, and the detector that knows more; `baselines.py`: no network at all
* `sections.py`: what a person reads
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
