"""MLflow, met here alone.

* `registry.py`: versions registered and deleted; `lookup.py`: found; `version_files.py`: their files
* `owner.py`: which ledger a registered model mirrors
* `connection.py`: client and database; `runs.py`: the run behind a version; `versions.py`: versions as it keeps them
* `home_files.py`, `home_artifacts.py`: addresses of files in the state folder; `files.py`: files of a version, checked
* `logged_model.py`: the script that loads a version by MLflow's own client
* `changed_by_hand.py`: what somebody renamed or deleted on MLflow's pages
* `mirror.py`: aliases, tags and descriptions that say what the ledger says; `training_log.py`: epochs of a training
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
