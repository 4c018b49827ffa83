"""The steps of the main job, as plain functions and small classes in wings; each also works in a notebook.

From the ground up: `core`, `fields` (the contract), `data`; then `simulators`, `training`, `evidence` and `ledger`; on
these `problems`, `packages`, `registry` and `gates`; and above all `lifecycle`, which joins them. A wing is met through
its `__init__.py`, which says what lives there. `tests/code/test_house.py` holds the order.
"""
