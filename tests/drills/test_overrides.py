"""An override is given by somebody who may, for a time, and ends by a decision: gates that pass, or a rollback."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from components.core.errors import RefusedError
from components.core.workspace import Workspace
from components.gates.overrides import Override
from components.ledger.opening import open_ledger, whoami
from tests.conftest import write_params
from tests.drills.commands import assay_here, refused
from tests.drills.houses import ANY, LENIENT, NAME, agrees, overriding, promote, promotion_of, to_production

pytestmark = [pytest.mark.slow, pytest.mark.ci]

UNHEARD_OF = {"metric": "posterior.crps_over_crb.test", "max": 1e-3}
NONE = {"margin": 0, "slice_margin": 0, "nats_margin": 0, "nats_slice_margin": 0}
STRICT = LENIENT | {"gates": LENIENT["gates"] | {"over_production": NONE, "over_best": ANY}}
"""Margins that no two networks keep, but equal ones."""


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


def test_what_loosens_gates_counts_once_a_commit_holds_it(house: Workspace) -> None:
    """Else the change that a gate refuses would switch the gate off."""
    gates = LENIENT["gates"] | {"staging": [UNHEARD_OF]}
    write_params(house.root, LENIENT | {"gates": gates})
    params = house.root / "params.yaml"
    committed = params.read_text()
    loose = {"may_override": ["somebody"], "longest_override_days": 200}
    write_params(house.root, LENIENT | {"gates": gates | loose})
    loosened = params.read_text()
    write_params(house.root, LENIENT | {"gates": gates})
    assert params.read_text() == committed
    params.write_text(loosened)
    refused(promote(house, 1, "staging", *overriding(by="somebody")), "'somebody', who may not give one", "commit it")
    refused(promote(house, 1, "staging", *overriding(91)), "is the latest day allowed", "= 90")
    write_params(house.root, LENIENT)
    params.write_text(params.read_text() + "# which says that no commit is asked for\n")
    refused(promote(house, 1, "staging"), "gate source fail: the working tree has changes that no commit holds")
    write_params(house.root, LENIENT)
    assert promote(house, 1, "staging").returncode == 0


@pytest.mark.house("promoted")
def test_an_override_is_not_washed_off_by_archiving_whom_the_version_replaced(house: Workspace) -> None:
    """Nobody goes back to what was archived by somebody, and the version is compared with it nevertheless."""
    assert promote(house, 2, "staging").returncode == 0
    write_params(house.root, STRICT)
    assert promote(house, 2, "production", *overriding()).returncode == 0
    given = override_of(house, 2)
    assert given is not None
    assert assay_here(house, "archive", NAME, "1", "--reason", "out of the way").returncode == 0
    refused(promote(house, 2, "production", "--first"), "version 1 was in production: leave out --first")
    refused(promote(house, 2, "production"), "gate loss_over_production")
    write_params(house.root, LENIENT)  # which it passes: --first is refused even so
    refused(promote(house, 2, "production", "--first"), "version 1 was in production: leave out --first")
    # What cannot be compared with any more is a gate that a person must overrule anew.
    assert assay_here(house, "gc", NAME, "--keep", "0").returncode == 0
    refused(promote(house, 2, "production"), "gate loss_over_production", "cannot be compared with", "1 was deleted")
    assert override_of(house, 2) == given
    assert promote(house, 2, "production", *overriding(20)).returncode == 0
    renewed = override_of(house, 2)
    assert renewed is not None
    assert renewed["until"] > given["until"]
    assert "cannot be compared with" in renewed["overruled"][0]
    agrees(house)


@pytest.mark.house("promoted")
def test_an_override_ends_when_the_gates_pass_against_an_archived_version(house: Workspace) -> None:
    assert promote(house, 2, "staging").returncode == 0
    write_params(house.root, STRICT)
    assert promote(house, 2, "production", *overriding()).returncode == 0
    assert assay_here(house, "archive", NAME, "1", "--reason", "out of the way").returncode == 0
    write_params(house.root, LENIENT)
    assert promote(house, 2, "production").returncode == 0
    entry = open_ledger(house).entry_in(NAME, "production")
    assert entry is not None
    assert entry.override is None
    compared = [gate["details"] for gate in entry.evidence["gates"] if gate["details"]]
    assert [details["version"] for details in compared] == [1]


@pytest.mark.house("promoted")
def test_a_rollback_brings_a_version_back_with_the_override_it_had_in_production(house: Workspace) -> None:
    """Whatever became of it since: it may have been in staging, whose gates it passed."""
    assert promote(house, 2, "staging").returncode == 0
    write_params(house.root, STRICT)
    assert promote(house, 2, "production", *overriding()).returncode == 0
    given = override_of(house, 2)
    assert given is not None
    write_params(house.root, LENIENT)
    to_production(house, 3)
    assert promote(house, 2, "staging").returncode == 0
    assert override_of(house, 2) is None, "it passed all that staging asks"
    assert assay_here(house, "rollback", NAME).returncode == 0
    assert open_ledger(house).holder(NAME, "production") == 2
    assert override_of(house, 2) == given
    agrees(house)


def test_an_override_in_staging_outlives_the_archive_and_ends_when_the_gates_pass(house: Workspace) -> None:
    write_params(house.root, LENIENT | {"gates": LENIENT["gates"] | {"staging": [UNHEARD_OF]}})
    assert promote(house, 1, "staging", *overriding()).returncode == 0
    given = override_of(house, 1)
    assert given is not None
    assert assay_here(house, "archive", NAME, "1", "--reason", "out of the way").returncode == 0
    assert override_of(house, 1) == given
    refused(promote(house, 1, "staging"), "gate posterior.crps_over_crb.test fail")
    refused(promote(house, 1, "production", "--first"), "gate posterior.crps_over_crb.test fail")
    assert promote(house, 1, "staging", *overriding()).returncode == 0
    assert override_of(house, 1) == given
    refused(promote(house, 1, "production", "--first"), "gate posterior.crps_over_crb.test fail")
    write_params(house.root, LENIENT)
    assert promote(house, 1, "production", "--first").returncode == 0
    assert override_of(house, 1) is None
    agrees(house)


def override_of(house: Workspace, version: int) -> Mapping[str, Any] | None:
    """What stands against the gates where the version is now, by the ledger."""
    return open_ledger(house).current(NAME)[version].override
