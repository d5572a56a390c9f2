"""A real ClickHouse server for tests: started by hand on free ports of 127.0.0.1, in a folder of its own.

Called by the fixtures of `tests/conftest.py`; calls nothing of the package, so that it can judge it.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

__all__ = ["ANALYST", "READER", "ClickHouseServer", "find_clickhouse", "running_clickhouse"]

ANALYST = ("analyst", "p@ss:w/rd &%41 ключ")
"""User and password of an ordinary user; the password has all that URLs and headers could trip over."""

READER = ("reader", "reader-password")
"""User and password of a user with ``readonly=1``, who may change no setting."""

SERVER_ZONE = "Europe/Moscow"
"""Not UTC, so that whatever depends on the server's zone shows."""

_CONFIG = """<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
  <http_port>{http_port}</http_port>
  <tcp_port>{tcp_port}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <mark_cache_size>134217728</mark_cache_size>
  <timezone>{zone}</timezone>
</yandex>
"""

_USERS = """<?xml version="1.0"?>
<yandex>
  <profiles><default/><frozen><readonly>1</readonly></frozen></profiles>
  <quotas><default/></quotas>
  <users>{users}</users>
</yandex>
"""

_USER = """
    <{name}>
      <password>{password}</password><profile>{profile}</profile><quota>default</quota>
      <networks><ip>127.0.0.1</ip></networks>
    </{name}>"""


@dataclass(frozen=True)
class ClickHouseServer:
    """A running server: where it listens, and a plain way to run statements on it as its default user."""

    url: str

    def execute(self, sql: str, data: bytes = b"") -> str:
        """Run one statement and return its answer as text; `data` are the rows of an ``INSERT ... FORMAT``."""
        answer = requests.post(self.url, params={"query": sql}, data=data, timeout=60)
        if answer.status_code != requests.codes.ok:
            raise RuntimeError(f"{sql[:200]}: {answer.text[:1000]}")
        return answer.text

    def rows(self, sql: str) -> list[list[str]]:
        """Run a SELECT and return its rows as lists of texts."""
        answer = requests.post(self.url, data=sql.encode(), timeout=60)
        if answer.status_code != requests.codes.ok:
            raise RuntimeError(f"{sql[:200]}: {answer.text[:1000]}")
        return [line.split("\t") for line in answer.text.splitlines()]


def find_clickhouse() -> str | None:
    """Return the path of ``clickhouse-server``, or None where it is not installed."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/local/bin"])
    return shutil.which("clickhouse-server", path=places)


@contextmanager
def running_clickhouse(binary: str, folder: Path, zone: str = SERVER_ZONE) -> Iterator[ClickHouseServer]:
    """Start a server that keeps everything in `folder`, wait until it answers, and stop it at the end."""
    http_port, tcp_port = _free_ports(2)
    settings = {"folder": folder, "http_port": http_port, "tcp_port": tcp_port, "zone": zone}
    (folder / "config.xml").write_text(_CONFIG.format(**settings), encoding="utf-8")
    users = [("default", "", "default"), (*ANALYST, "default"), (*READER, "frozen")]
    listed = "".join(
        _USER.format(name=name, password=password.replace("&", "&amp;"), profile=profile)
        for name, password, profile in users
    )
    (folder / "users.xml").write_text(_USERS.format(users=listed), encoding="utf-8")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [binary, f"--config-file={folder / 'config.xml'}"], stdout=output, stderr=output, cwd=folder
        )
        try:
            server = ClickHouseServer(f"http://127.0.0.1:{http_port}/")
            _wait_until_it_answers(server, process, folder)
            yield server
        finally:
            _stop(process)


def _wait_until_it_answers(server: ClickHouseServer, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"clickhouse-server stopped at once: {(folder / 'output').read_text()[-2000:]}")
        try:
            server.execute("SELECT 1")
        except requests.ConnectionError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("clickhouse-server did not answer within 30 s")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    # All are held at once, so that no port is given twice.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()
