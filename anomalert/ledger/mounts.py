"""Which kind of file system a path lies on: SQLite's locks and its write-ahead log need a disk of this machine.

The SQLite engine calls this; it calls nothing of the package but `errors`.
"""

import re
from pathlib import Path

from anomalert.errors import LedgerError

__all__ = ["MOUNTS", "file_system_of", "refuse_network"]

MOUNTS = Path("/proc/self/mounts")
"""Where Linux lists what is mounted; elsewhere there is no such file, and nothing is refused."""

NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|ceph|lustre|glusterfs|gpfs|beegfs|9p|davfs|fuse|fuse\.(?!fuse-overlayfs).*"
)
"""File systems of other machines. FUSE may be anything; the exception is the disk of a container."""


def file_system_of(path: Path, mounts: str) -> str | None:
    r"""Return the type of the file system that holds the absolute `path`, as `mounts` lists them; None if none does.

    Examples
    --------
    >>> mounts = "/dev/vda / ext4 rw 0 0\nnas:/team /mnt/team\\040files nfs4 rw 0 0\n"
    >>> file_system_of(Path("/mnt/team files/alerts.db"), mounts), file_system_of(Path("/tmp/alerts.db"), mounts)
    ('nfs4', 'ext4')
    """
    found: tuple[int, str] | None = None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mounted = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        # Of two mounts on one folder, the later one hides the earlier.
        if path.is_relative_to(mounted) and (found is None or len(mounted.parts) >= found[0]):
            found = len(mounted.parts), fields[2]
    return None if found is None else found[1]


def refuse_network(path: Path) -> None:
    """Raise a LedgerError if `path` (resolved) lies on the file system of another machine."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system_of(path, mounts)
    if kind is not None and NETWORK.fullmatch(kind):
        raise LedgerError(
            f"ledger {path} lies on a network file system ({kind}), where SQLite's locks do not hold: put it on a disk"
            " of this machine, or use PostgreSQL, as in Ledger('postgresql://user:password@host/database')"
        )
