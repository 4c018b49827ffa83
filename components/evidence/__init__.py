"""The evidence for one model: measured, drawn, kept under the digest of all that it rests on.

* `evaluation.py`: evaluate a model or read its evaluation; `refusals.py`: models that no evaluation is made of
* `honesty.py`: measure its biases over night; `inputs.py`: what both rest on; `keeping.py`: how they are kept
* `confirmation.py`: what a promotion to production compares; `confirmation_reads.py`: how often a split was read for it
* `card.py`: the page about a model; `results.py`: what DVC shows of the latest
* `numbers/`, `images/`, `denoised/`, `restored/`, `masks/`, `sources/`, `classes/`: a room for each kind of answer
* `measured_problem.py`: a problem that is evaluated in one of these rooms
* `measuring.py`, `intervals.py`, `reliability.py`, `input_region.py`, `timing.py`, `kept_arrays.py`: what rooms share
* `failures.py`, `along_axes.py`, `axis_plots.py`: departures from what a model was trained on
* `legends.py`: of their pictures, where no curve is under them
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
