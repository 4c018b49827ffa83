"""The search for a good network: one Optuna study, whose trials this process runs, or several, or a cluster's.

* `study.py`: one search from its first trial to its winner; `records.py`: what is known of each trial
* `trial.py`: one trial, wherever it runs; `space.py`: what it tries, and who chose that
* `claims.py`: no trial is run twice to completion, and none stays running when its process has died
* `storage.py`: Optuna's database
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
