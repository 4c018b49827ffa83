"""Evidence for models that answer with point sources: what a person sees of it. Masks are judged by `masks/`.

* `plots.py`: the pictures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
