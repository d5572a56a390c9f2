"""A real PostgreSQL server for tests: started by hand on a free port of 127.0.0.1, in a folder of its own.

Called by the fixtures of `tests/conftest.py`; calls nothing of the package, so that it can judge it.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg

__all__ = ["PASSWORD", "PostgresServer", "find_postgres", "running_postgres"]

PASSWORD = "p@ss:w/rd &%41?# ключ"
"""Has all that addresses could trip over."""

USER = "team"


@dataclass(frozen=True)
class PostgresServer:
    """A running server that asks for a password."""

    port: int
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def url(self, password: str = PASSWORD, schema: str = "public") -> str:
        """Return an address whose statements see only what is in `schema`."""
        options = quote(f"-c search_path={schema}", safe="")
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/postgres?options={options}"

    def new_ledger(self) -> str:
        """Make an empty schema and return its address."""
        schema = f"ledger_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        return self.url(schema=schema)


def find_postgres() -> Path | None:
    """Return the folder with ``initdb`` and ``pg_ctl``, or None where they are not installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = shutil.which("initdb") or (str(installed[-1]) if installed else None)
    return None if found is None else Path(found).resolve().parent


@contextmanager
def running_postgres(programs: Path) -> Iterator[PostgresServer]:
    """Start a server in a new folder, wait until it answers, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    # The server refuses to be run by root.
    owner = "postgres" if os.getuid() == 0 else None
    try:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if owner is not None:
            found = pwd.getpwnam(owner)
            for path in (folder, folder / "password"):
                os.chown(path, found.pw_uid, found.pw_gid)
        how = ["-A", "scram-sha-256", "-U", USER, "--pwfile", f"{folder}/password", "-E", "UTF8", "--no-sync"]
        _run([f"{programs}/initdb", "-D", f"{folder}/data", *how], owner)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        # What is tested is that the ledger asks for durability; that the server gives it is the server's to test.
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        control = [f"{programs}/pg_ctl", "-D", f"{folder}/data"]
        _run([*control, "-w", "-l", f"{folder}/log", "-o", settings, "start"], owner)
        try:
            yield PostgresServer(port)
        finally:
            _run([*control, "-m", "immediate", "stop"], owner)
    finally:
        shutil.rmtree(folder)


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.decode(errors='replace')[-2000:]}")
