"""`galaxy-shape`: five Sérsic parameters of one galaxy from one noisy image.

* `problem.py`: what is asked, of which simulator, and the benchmark with its published results
* `presentation.py`: how galaxies are shown to a network
* `failures.py`: how images may depart from that, in what they show (`failure_images.py`) or after it (`delivery.py`)
* `reading.py`: what is read of a user's file, with the shear on the sky (`sky.py`)
* `real.py`: HST galaxies, and other programs that measure them
* `honesty.py`: biases over the prior (`grid.py`) and of shear (`rings.py`, `shear.py`, `shear_response.py`);
  `honesty_card.py`: what is said of them
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
