"""Evidence for models that answer with numbers, against the bound of each image. Images are rows, truths are columns.

* `problem.py`: `RegressionProblem`; `regression.py`: what it can be asked; `cases.py`: what it is measured at, too
* `gathering.py`: asks, and puts all `parts.py` together
* `answers.py`, `observing.py`: what a model says of images under the same noise as every other model's
* `errors_over_bound.py`, `benchmark.py`, `calibration.py`, `reference.py`: how good that is
* `bias_grid.py`: biases at fixed objects, to a precision that takes a night
* `yardsticks.py`: what errors are measured in
* `failure_maps.py`, `limits.py`, `reliable_range.py`: where it holds
* `real_objects.py`: images whose truth nobody knows: does the model agree with itself (`consistency.py`), and with
  programs that are not ours (`independent.py`, `tools.py`)? `real_card.py`, `real_plots.py` show it
* `sections.py`, `card_tables.py`: what a card says of all that
* `plots.py`, `limit_plots.py` (with `failure_messages.py`), `bias_plots.py`: the pictures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
