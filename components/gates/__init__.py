"""May a version be promoted? Pure functions over evidence.

* `rules.py`: limits on metrics, and the verdict of each; whatever cannot be judged does not pass
* `results.py`: verdicts, and in which words they refuse; `shown.py`: their tables for a person
* `comparison.py`: challenger against champion, with intervals that hold together
* `overrides.py`: a person's word against gates, for some time
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
