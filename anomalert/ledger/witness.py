"""How many transactions a SQLite ledger had seen, noted outside of it: so that one that went back in time is known.

The newest of what was written stands in SQLite's write-ahead log, and a damaged log passes for a shorter one: SQLite
leaves out what follows the damage, as it does after a power failure. The same holds for a file without its log, and for
an old copy. `sqlite_place` calls this; it calls nothing of the package.
"""

import logging
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Witness"]

logger = logging.getLogger(__name__)

WRITTEN = re.compile(rb"(?P<number>\d{12}) (?P<checksum>[0-9a-f]{8})\n")
"""Of one length, so that the newer one covers the older."""


@dataclass(frozen=True)
class Witness:
    """A small file beside a ledger that knows the number of its newest transaction.

    It is written after that transaction is on the disk, and does not wait for the disk itself: after a power failure it
    may know of fewer transactions than there are, never of more. Damaged or missing, it says nothing.

    Parameters
    ----------
    path : pathlib.Path
        Of the file, which has to exist.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "alerts.db.lock")
    >>> file.touch()
    >>> witness = Witness(file)
    >>> witness.newest()
    0
    >>> witness.saw(41)
    >>> witness.newest()
    41
    """

    path: Path

    def saw(self, number: int) -> None:
        """Note that transaction `number` is on the disk."""
        digits = b"%012d" % number
        try:
            with self._opened() as descriptor:
                os.pwrite(descriptor, b"%s %08x\n" % (digits, zlib.crc32(digits)), 0)
        except OSError as error:
            # An older number is no wrong one, and what was to be noted is noted.
            logger.warning("%s cannot be written, so older ledgers may pass for this one: %s", self.path, error)

    def forget(self) -> None:
        """Know nothing any more: a new file is begun."""
        with self._opened() as descriptor:
            os.ftruncate(descriptor, 0)

    def newest(self) -> int:
        """Return how many transactions a ledger has at least that is opened after this call; 0 if it is not known."""
        found = WRITTEN.match(self.path.read_bytes())
        if found is None or int(found["checksum"], 16) != zlib.crc32(found["number"]):
            return 0
        return int(found["number"])

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
