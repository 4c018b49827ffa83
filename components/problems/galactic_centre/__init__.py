"""`galactic-centre`: how bright the diffuse components of a gamma-ray sky are, and how many point sources it has.

* `problem.py`: what is asked, of which simulator
* `presentation.py`: how skies are shown to a network
* `posterior.py`: the exact posterior of one sky; `measures.py`: what papers quote
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
