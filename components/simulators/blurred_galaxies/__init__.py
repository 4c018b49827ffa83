"""Sérsic galaxies as a space telescope sees them, to be seen from the ground: through the atmosphere, with noise.

* `settings.py`: what params.yaml says of them; `drawing.py`: what is drawn;
  `structure.py`: bulges, knots and neighbours
* `posterior.py`: what an image, its PSF and the prior say together of each pixel
* `real_galaxies.py`: HST's own
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
