"""Optuna's database: the workspace's, made where it is new, that a restart of its server does not end a search.

storage = create_storage(workspace)
"""

import logging
import warnings
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

import optuna
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from components.core import PATIENCE_S, SQLITE, Workspace, sqlite_file

__label__ = None

RETRIES = 3
"""How often a trial is begun again whose process died."""
_BEAT_S, _GRACE_S = 60, 300
"""How often a trial says that it lives, and after which silence it counts as dead."""
_RESTART_S = 120
"""How long a server may be away."""
_PASSING = ("OperationalError", "InterfaceError", "DBAPIError", "PendingRollbackError")
"""What a driver raises while its server is away; the last when Optuna's own fallback asks on the connection it lost."""
_ASKED = (
    "create_new_study", "get_study_id_from_name", "get_study_name_from_id", "get_study_directions",
    "get_study_user_attrs", "get_study_system_attrs", "set_study_user_attr", "set_study_system_attr",
    "set_trial_state_values", "set_trial_intermediate_value", "set_trial_user_attr", "set_trial_system_attr",
    "get_trial", "record_heartbeat", "_set_trial_param", "_get_trials", "_get_stale_trial_ids",
)  # fmt: skip
"""What Optuna asks of a database, and may ask again; a trial is added once (`add_once`)."""


def create_storage(workspace: Workspace) -> optuna.storages.RDBStorage:
    """The workspace's Optuna database, its tables made when it is new."""
    storage = open_storage(workspace.optuna_url)
    storage._version_manager.check_table_schema_compatibility()  # which may be another than when it was opened
    return storage


@lru_cache(maxsize=4)
def open_storage(url: str, *, beat_s: int = _BEAT_S, grace_s: int = _GRACE_S) -> optuna.storages.RDBStorage:
    """A database by its address; the same object for the same one.

    Args:
        url: of the database.
        beat_s: how often running trials say that they live.
        grace_s: the silence after which one is given up and its parameters are queued again.
    """
    # Heartbeats are marked experimental since 2021 and are what Optuna recommends for workers that may die.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    file = sqlite_file(url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    on_file = url.startswith(SQLITE)
    return (optuna.storages.RDBStorage if on_file else _Patient)(
        url,
        engine_kwargs={"connect_args": {"timeout": PATIENCE_S}} if on_file else {"pool_pre_ping": True},
        heartbeat_interval=beat_s,
        grace_period=grace_s,
        heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
    )


def add_once(add: Callable[[], None], is_there: Callable[[], bool]) -> None:
    """Add a trial, once, although the server may go away meanwhile: whether it did is read when it is back.

    Args:
        add: adds it.
        is_there: reads whether it was added.
    """
    try:
        add()
    except optuna.exceptions.StorageInternalError as error:
        if not _is_passing(error):
            raise
        if not is_there():
            add()


def _again(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, asked again while the database's server is away."""

    @wraps(method)
    def asked(*args: Any, **kwargs: Any) -> Any:
        tries = Retrying(
            retry=retry_if_exception(_is_passing), wait=wait_fixed(1), stop=stop_after_delay(_RESTART_S), reraise=True
        )
        return tries(method, *args, **kwargs)

    return asked


def _is_passing(error: BaseException) -> bool:
    return type(error.__cause__).__name__ in _PASSING or type(error).__name__ in _PASSING


class _Patient(optuna.storages.RDBStorage):
    """A database behind a server."""


for _name in _ASKED:
    setattr(_Patient, _name, _again(getattr(optuna.storages.RDBStorage, _name)))
