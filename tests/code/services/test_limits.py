"""What a server takes on is what params.yaml says, and by default what it would say."""

from dataclasses import asdict

import pytest

from components.core.settings import ServeSettings, settings_values
from services.limits import LIMITS, Limits, read_limits


def test_a_server_that_is_started_by_hand_takes_on_what_settings_have_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(LIMITS, raising=False)
    assert asdict(read_limits()) == settings_values(ServeSettings())


def test_the_variable_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMITS, '{"queue_images": 7, "body_mib": 2}')
    assert read_limits() == Limits(queue_images=7, body_mib=2)
    assert read_limits().body_bytes == 2 * 2**20


@pytest.mark.parametrize("said", ["{", "[]", '{"queue": 7}', "7", '{"queue_images": "7"}'])
def test_a_variable_that_says_no_limits_is_named(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(LIMITS, said)
    with pytest.raises(ValueError, match=r"^ASSAY_LIMITS is "):
        read_limits()
