"""What problems of gamma-ray skies around the Galactic Centre have in common.

* `problem.py`: the simulator and what is stored of a sky; `afresh.py`: skies drawn anew of that in training
* `failures.py`: how skies may depart from what a network was trained on; `posterior.py`: what is exactly known of them
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
