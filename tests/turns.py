"""Long drills that take turns: each run of CI has those of every Nth module, and N runs have all.

    pytest -m 'not slow or ci' --turn 1/5        # the usual tests, and of the long drills the first fifth of modules

Registered as a plugin by `tests/conftest.py`. Tests that are `slow` and `ci` take turns; 0/5 has none of them.
"""

import re

import pytest

_TURN = re.compile(r"(\d+)/([1-9]\d*)")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption("--turn", help="K/N: of long drills that CI runs, those of every Nth module from the Kth; 0: none")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave those out whose turn it is not."""
    said = config.getoption("--turn")
    if said is None:
        return
    found = _TURN.fullmatch(said)
    if found is None or int(found[1]) > int(found[2]):
        raise pytest.UsageError(f"--turn {said}: must be K/N with K from 0 to N")
    turn, turns = int(found[1]), int(found[2])
    long = [item for item in items if item.get_closest_marker("slow") and item.get_closest_marker("ci")]
    modules = sorted({_module(item) for item in long})
    kept = {module for number, module in enumerate(modules) if turn and number % turns == turn - 1}
    left_out = [item for item in long if _module(item) not in kept]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]
