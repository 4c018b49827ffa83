"""Bentos: one package for each version that is promoted.

* `files.py`: found, checked, taken away; `building.py`: built of the code that its one model needs
* `answering.py`: what decides answers, the same on every machine
* `archives.py`: packed, unpacked, and found again wherever one lies
* `golden.py`: the images that it is asked with; `proving.py`: served, and held against its recorded answers
* `serving.py`: at work; `front.py`: one after another, behind an address that stays
* `signing.py`: signed; `provenance.py`: what is signed of it; `materials.py`: what it is made of
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
