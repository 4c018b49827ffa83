"""Flow runs whose process was killed: Prefect believes that they go on until it is told.

    with prefect_server(workspace):
        with job.alone():
            mark_crashed(workspace, "galaxy-shape")
        with tags(*run_tags(workspace, "galaxy-shape")):
            …

A server may list the runs of several machines and state folders. Who holds a problem's lock knows of the runs of that
state folder alone that none is alive, so runs carry two tags: the problem's, and that of the place they work in.
"""

import socket
import uuid

from filelock import FileLock

from components.core import Workspace, value_digest


def place_tag(workspace: Workspace) -> str:
    """The tag of a state folder on a machine: the machine's name, and a digest of that and the folder.

    What is drawn by chance and kept in the folder tells machines of one name with folders of one path apart, as
    containers have them; name and path tell a folder that was copied from its original.
    """
    kept, lock = workspace.home / "prefect" / "place", workspace.home / "locks" / "place.lock"
    for path in (kept, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        if not kept.exists():
            partial = kept.with_name(".place")
            partial.write_text(uuid.uuid4().hex, encoding="utf-8")
            partial.replace(kept)
    machine = socket.gethostname()
    place = {"machine": machine, "folder": str(workspace.home.resolve()), "drawn": kept.read_bytes().hex()}
    return f"{machine}-{value_digest(place)[:12]}"


def run_tags(workspace: Workspace, problem: str) -> tuple[str, str]:
    """The tags of runs that hold the problem's lock, by which `mark_crashed` finds them."""
    return problem, place_tag(workspace)


def mark_crashed(workspace: Workspace, problem: str) -> int:
    """Set the flow runs of a problem that a killed process left running to Crashed, of this state folder alone.

    The caller makes sure that none of them can be alive (it holds the problem's lock) and is in a `prefect_server`.

    Args:
        workspace: the state folder whose lock is held.
        problem: of which problem.

    Returns:
        How many there were.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )
    from prefect.client.schemas.objects import State, StateType
    from prefect.states import Crashed

    alive = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING]))
    ours = FlowRunFilter(tags=FlowRunFilterTags(all_=list(run_tags(workspace, problem))), state=alive)
    marked = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=ours):  # a page at a time
            for run in runs:
                crashed: State = Crashed(message="The process of this run ended without a word.")
                client.set_flow_run_state(run.id, crashed, force=True)
            marked += len(runs)
    return marked
