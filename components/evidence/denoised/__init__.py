"""Evidence for models that take noise off images: what a person sees of it, and tools that are not ours.

* `plots.py`: the pictures; `tools.py`: scikit-image
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
