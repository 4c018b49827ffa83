"""Pictures of galaxies: what they are (`spiral-morphology`), and where their arms are (`spiral-arms`).

* `problem.py`: what both have in common; `presentation.py`: how galaxies are seen; `settings.py`: what params.yaml says
* `morphology.py`, `arms.py`: what is asked; `morphology_evidence.py`, `arms_evidence.py`: how answers are judged
* `arms_sections.py`: what a person reads of the latter
* `reference.py`: the regime in which the best answer is known; `departures.py`: failure maps; `real.py`: real pictures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
