"""Receivers of events, and an outbox, for tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.code.lifecycle.receivers import Receiver


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    made: list[Receiver] = []

    def make(failures: float = 0, **more: Any) -> Receiver:
        made.append(Receiver(failures, **more))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / ".assay" / "outbox"
