"""Evidence for models that answer with a mask: for each pixel the probability that it belongs to what is looked for.

* `gathering.py`: asks, and puts everything together; `scores.py`: how good probabilities of pixels are
* `sections.py`: the table for a person and the parts of the card; `plots.py`: the pictures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
