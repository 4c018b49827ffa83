"""What of the gates' own settings counts: who changes them without committing it does not free himself of them.

settings = committed_gates(workspace, settings.gates)
"""

from dataclasses import replace

from components.core import GateSettings, Workspace, is_committed

_PARAMS = "params.yaml"


def committed_gates(workspace: Workspace, gates: GateSettings) -> GateSettings:
    """Gates as they are, but for what loosens them where no commit holds params.yaml as it is: it does not count.

    That is whether a commit is asked for at all, who else may overrule, and for longer than by default.
    """
    if is_committed(workspace.root, _PARAMS):
        return gates
    longest = min(gates.longest_override_days, GateSettings.__dataclass_fields__["longest_override_days"].default)
    return replace(gates, committed=True, may_override=(), longest_override_days=longest)
