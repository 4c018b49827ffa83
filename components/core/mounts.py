"""Which folders lie on another machine's disk: SQLite's locks do not hold there, and databases get damaged.

    mount = network_mount(home)
    mount.kind, mount.at                                         # nfs4, /data; None when it is a disk of this machine

Shares of a host with its own virtual machines (9p, virtiofs) count as disks of this machine: there is one host to them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

__label__ = None

NETWORK = frozenset(
    {
        "afs", "afpfs", "beegfs", "ceph", "ceph-fuse", "cifs", "davfs", "gcsfuse", "glusterfs", "gpfs", "lustre", "nfs",
        "nfs4", "rclone", "s3fs", "smb3", "smbfs", "sshfs",
    }
)  # fmt: skip
"""Types of file systems that several machines share, without the `fuse.` that some are mounted by."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """Where a file system is mounted."""

    at: str
    kind: str
    """Its type, as `mount` names it."""

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


def network_mount(path: Path) -> Mount | None:
    """The network mount that a path lies on, which need not be there yet; None for what is this machine's own."""
    resolved, nearest = f"{os.path.realpath(path)}/", None
    # No mount is asked for anything: one whose server is gone would not answer.
    for one in psutil.disk_partitions(all=True):
        below = resolved.startswith(f"{one.mountpoint.rstrip('/')}/")
        # The later of two at one place lies over the other, as an automounter's.
        if below and (nearest is None or len(one.mountpoint) >= len(nearest.at)):
            nearest = Mount(at=one.mountpoint, kind=one.fstype)
    return nearest if nearest and nearest.kind.removeprefix("fuse.") in NETWORK else None
