"""What happens to versions: the rules that join evidence, gates, ledger, registry and packages.

* `registration.py`: a trained network becomes a candidate
* `judging.py`: the verdicts for a stage; `promotion.py`: gates, package, proof, stage change, the one sequence of them
* `version_packages.py`: the package of a version; `stages.py`: what a stage change is; `rollbacks.py`: the way back
* `reconciliation.py`: mends what does not agree; `cleaning.py`: deletes what nothing protects
* `lineage.py`, `model_folders.py`, `deployment.py`: where a version comes from, its files, the package that answers
* `retraining.py`: is one due, and why; `notifications.py`: who is told; `installation.py`: what must be there first
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
