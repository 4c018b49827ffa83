"""Flow runs whose process was killed: Prefect believes that they go on until it is told.

    with prefect_server(workspace):
        with job.alone():
            mark_crashed(workspace, "galaxy-shape")
        with tags(*run_tags(workspace, "galaxy-shape")):
            …

A server may list the runs of several machines and state folders. Who holds a problem's lock knows of the runs of that
state folder alone that none is alive, so runs carry two tags: the problem's, and that of the place they work in.
"""

from components.core import Workspace, place_tag


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
