"""The gamma-ray sky around the Galactic Centre.

* `prior.py`: what skies there are, the camera, and the settings of all that
* `templates.py`: the diffuse components; `point_sources.py`: where sources lie and how bright they are
* `blurring.py`: the PSF, and what smooths the gas
* `skies.py`: what is expected in each pixel
* `brackets.py`: what bounds the least errors without a chain
* `chains.py`: the exact posterior by Gibbs sampling; `start.py`: where chains begin; `flux_grid.py`, `colours.py`: what
  their fluxes are drawn from, and which are drawn at the same time
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
