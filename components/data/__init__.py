"""Datasets: drawn, described, checked, published, versioned; and the images of users.

* `simulation.py`: a problem's dataset from its settings, published under `data/`; `shards.py` draws it on all cores
* `fingerprint.py`: what a simulator does
* `statistics.py`: tables that say what is in a dataset; `expectations.py`: what must hold of them
* `validation.py`: Great Expectations, met here alone; `report.py`: what it found, for a person
* `versioning.py`: DVC, met here alone; `data_file.py`: data.dvc, a row for each problem
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
