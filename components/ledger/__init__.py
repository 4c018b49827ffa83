"""The append-only record of stage changes: the authority on which version is in which stage.

* `stages.py`, `actions.py`: the stages and what is done to versions, by name
* `opening.py`: a workspace's; `ledger.py`: reading and changing, by compare-and-set, after what `checks.py` refuses
* `reading.py`: what a history says
* `table.py`: the rows, and what keeps them as they were written; `database.py`: SQLite or PostgreSQL
* `schema.py`: its tables, made and brought up to date by the revisions in `migrations/`
* `servers.py`: who answers for a stage now; `refusals.py`: what gates have refused
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
