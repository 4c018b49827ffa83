"""Pictures on disk in place of a simulator: of one's own, with what belongs to each.

* `settings.py`: where they are, and what is made of them
* `listing.py`: files, masks and tables; `likeness.py`: which pictures show the same
* `dealing.py`: who is in which split
* `framing.py`: the size that a model is given; `index.py`: all of it, as a dataset; `problem.py`: of a problem;
  `reading.py`: what of a user's file is such a picture
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
