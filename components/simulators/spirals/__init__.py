"""Spirals with known arms, lenticulars and ellipticals, as pictures of surveys show them.

* `settings.py`: what params.yaml says; `prior.py`: which galaxies there are; `drawing.py`: what they look like
* `catalogue.py`: rows of a dataset, with neighbours; `reference.py`: the regime in which the best answer is known
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
