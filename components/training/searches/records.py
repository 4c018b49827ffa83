"""What is known of a study's trials, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from components.training.searches.claims import WHY

__label__ = None

PLACE = "place"
"""Attribute of a trial: which one of the search it is, from 0. One that is run again keeps it."""
SEED, COMMIT, DATA, DEVICE, SECONDS, CHOSEN = "seed", "commit", "data digest", "device", "seconds", "chosen by"
EPOCHS, IMAGES = "epochs", "images shown"
BY_CHANCE = "chance"


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial that has ended."""

    number: int
    place: int
    """Which one of the search it is; one that is run again has that of the first."""
    state: str
    """`COMPLETE`, `PRUNED` or `FAIL`."""
    loss: float | None
    """Validation loss after its last epoch; None of a failed one."""
    parameters: dict[str, Any]
    chosen_by: str
    """`params.yaml`, `chance` or `TPE`."""
    losses: dict[int, float]
    """Validation loss after each epoch, from 1."""
    seed: int | None
    data: str
    """Digest of the dataset."""
    commit: str
    device: str
    """What it ran on."""
    seconds: float
    """How long it took: its cost."""
    images: int
    """Images that it was shown for training."""
    why: str
    """Why it was pruned or failed; empty otherwise."""


def ended_trials(study: optuna.Study, trials: int) -> list[TrialRecord]:
    """Every trial that has ended, of the first places of a search, failed ones too, by number."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    found = study.get_trials(deepcopy=False, states=ended)
    return [_record(trial) for trial in found if trial.user_attrs[PLACE] < trials]


def best_first(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Those that were trained to their end, the least loss first."""
    complete = [record for record in records if record.state == "COMPLETE"]
    return sorted(complete, key=lambda record: (float(record.loss or 0.0), record.place))


def _record(trial: FrozenTrial) -> TrialRecord:
    said = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        place=said[PLACE],
        state=trial.state.name,
        loss=trial.value,
        parameters=dict(trial.params),
        chosen_by=said.get(CHOSEN, ""),
        losses=dict(trial.intermediate_values),
        seed=said.get(SEED),
        data=said.get(DATA, ""),
        commit=said.get(COMMIT, ""),
        device=said.get(DEVICE, ""),
        seconds=said.get(SECONDS, 0.0),
        images=said.get(IMAGES, 0),
        why=said.get(WHY) or ("" if trial.state != TrialState.FAIL else "its process died"),
    )
