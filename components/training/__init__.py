"""From a dataset to a trained network in a folder, and the search for a good one.

* `run.py`: a whole training, the same after a kill; `trainer.py`: its loop; `steps.py`: its steps; `batches.py`: what
  it is shown
* `checkpoints.py`; `distributed.py`: several processes (torch DDP); `shared_statistics.py`: batch norm over all of them
* `familiar.py`: what doubts need to know of ordinary images
* `numbers/`: the room of models that answer with numbers: what follows the loop
* `searches/`: Optuna, met here alone
* `inputs.py`: what decides a training and a search, for their keys
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
