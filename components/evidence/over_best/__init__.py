"""Evidence for models beside the best answers there are, of whatever kind.

* `plots.py`: the pictures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
