"""An override is given by somebody who may, for a time, and ends by a decision: gates that pass, or a rollback."""

from datetime import UTC, date, datetime, timedelta

import pytest

from components.core.errors import RefusedError
from components.core.workspace import Workspace
from components.gates.overrides import Override
from components.ledger.ledger import open_ledger, whoami
from tests.conftest import write_params
from tests.drills.commands import refused
from tests.drills.houses import LENIENT, NAME, overriding, promote, promotion_of

UNHEARD_OF = {"metric": "posterior.crps_over_crb.test", "max": 1e-3}


def test_an_override_lasts_no_longer_than_the_settings_allow(house: Workspace) -> None:
    strict = LENIENT["gates"] | {"staging": [UNHEARD_OF]}
    write_params(house.root, LENIENT | {"gates": strict})
    latest = datetime.now(UTC).date() + timedelta(days=90)
    refused(promote(house, 1, "staging", *overriding(91)), f"{latest} is the latest day allowed", "= 90")
    refused(promote(house, 1, "staging", "--override", whoami(), "--until", "9999-12-31"), f"{latest} is the latest")
    write_params(house.root, LENIENT | {"gates": strict | {"longest_override_days": 7}})
    refused(promote(house, 1, "staging", *overriding(8)), "is the latest day allowed", "longest_override_days = 7")
    assert open_ledger(house).stage_of(NAME, 1) == "candidate"
    assert promote(house, 1, "staging", *overriding(7)).returncode == 0


def test_an_override_in_a_name_that_nobody_has_is_refused_whoever_asks(house: Workspace) -> None:
    write_params(house.root, LENIENT | {"gates": LENIENT["gates"] | {"staging": [UNHEARD_OF]}})
    line = f"the override is by 'nobody-at-all', who may not give one: give '{whoami()}', or add the name to gates.may"
    refused(promote(house, 1, "staging", *overriding(by="nobody-at-all")), line)
    # What the command works with refuses it as well: a notebook is no way round.
    until = date.fromisoformat(overriding()[-1])
    override = Override(by="nobody-at-all", reason="a reason", until=until)
    with pytest.raises(RefusedError, match="'nobody-at-all', who may not give one"):
        promotion_of(house).promote(1, "staging", actor="nobody-at-all", reason="x", expect=None, override=override)
    assert open_ledger(house).stage_of(NAME, 1) == "candidate"
