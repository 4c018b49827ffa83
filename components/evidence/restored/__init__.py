"""Evidence for models that make pictures whole again: how far from the truth, as pictures are judged.

* `tools.py`: PSNR and SSIM; `plots.py`: pictures in colour; `galaxy_plots.py`: those of galaxies
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
