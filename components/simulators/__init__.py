"""Images from physics, a folder for each kind: prior, drawing, bound, exact posterior.

* `sersic/`: galaxies behind a telescope
* `galactic_centre/`: the gamma-ray sky around the Galactic Centre
* `blurred_galaxies/`: galaxies as a space telescope sees them, to be seen from the ground
* `spirals/`: spirals with known arms, lenticulars and ellipticals
* `deep_fields/`: fields of galaxies as pictures in colour
* `folders/`: pictures on disk in place of them
* `checks.py`: what must hold of simulated images, whatever they show
* `importance_sampling.py`: moments of a posterior that is known up to a constant, for every simulator
* `real_catalogue.py`: HST's galaxies in a folder; `threads.py`: one thread for torch, where processes share the work
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
