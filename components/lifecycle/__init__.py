"""What happens to versions: the rules that join evidence, gates, ledger, registry and packages.

* `registration.py`: a trained network becomes a candidate; `measurement.py`: its honesty, on whichever machine
* `promotion.py`: gates, package, proof, stage change, the one sequence of them, in `parts.py` that are told of
* `order.py`: which way a version may go; `judging.py`: the verdicts for a stage; `anchor.py`: the best there ever was
* `committed_gates.py`: which settings of gates count; `refusals.py`: what is not judged and told of every night
* `stages.py`: what a stage change is; `witness.py`: whether the ledger is the newest; `rollbacks.py`: the way back
* `version_packages.py`: the package of a version; `package_files.py`, `evidence_files.py`: what MLflow keeps for others
* `reconciliation.py`: mends what does not agree; `cleaning.py`: deletes what nothing protects
* `cards.py`: a version's card, with its stage and verdicts
* `lineage.py`, `model_folders.py`, `deployment.py`: where a version comes from, its files, the package that answers
* `retraining.py`: is one due, and why; `remembered.py`: what was found, while nothing changes
* `installation.py`: what must be there first
* `notifications.py`: who is told; `letters.py`, `delivery.py`: what they are sent, and that it arrives
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
