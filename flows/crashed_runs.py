"""Flow runs whose process was killed: Prefect believes that they go on until it is told.

with prefect_server(workspace), job.alone():
mark_crashed("galaxy-shape")
"""


def mark_crashed(tag: str) -> int:
    """Set the flow runs with a tag that a killed process left running to Crashed.

    The caller makes sure that none of them can be alive (it holds the problem's lock) and is in a `prefect_server`.

    Args:
        tag: a tag that all the flow runs in question carry.

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
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag]), state=alive)
    marked = 0
    with get_client(sync_client=True) as client:
        while runs := client.read_flow_runs(flow_run_filter=tagged):  # a page at a time
            for run in runs:
                crashed: State = Crashed(message="The process of this run ended without a word.")
                client.set_flow_run_state(run.id, crashed, force=True)
            marked += len(runs)
    return marked
