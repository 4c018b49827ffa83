"""Pictures made whole again.

* `upsampling/`: what a colour picture was before it was resized to a quarter and back
* `deblurring/`: what a galaxy was before a known PSF and noise
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
