"""Pictures of fields of galaxies and stars in three colours, as a press office shows them: stretched, 8 bits deep.

* `settings.py`: what params.yaml says of them; `drawing.py`: what is drawn
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
