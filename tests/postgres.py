"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket in it, as a user without rights."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.engine import URL

from integration.daemon.bot import eventually
from tests.unprivileged import NOBODY

_DEBIAN = Path("/usr/lib/postgresql")
_USER = "metronome"
_fresh = itertools.count(1)


def binary(name: str) -> str | None:
    """Debian keeps the server's programs out of the way; `None` where there are none."""
    found = shutil.which(name)
    newest = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return found or (str(newest[-1]) if newest else None)


class PostgresServer:
    """Starting returns when it takes connections."""

    def __init__(self, *, synced: bool = False) -> None:
        """`synced` false: without fsync, for tests that pull no plugs."""
        self._folder = Path(tempfile.mkdtemp(prefix="metronome-pg-"))
        data = self._folder / "data"
        if os.geteuid() == 0:
            os.chown(self._folder, NOBODY, NOBODY)
        initialise = [str(binary("initdb")), "--no-sync", "--auth=trust", f"--username={_USER}", "--pgdata", str(data)]
        subprocess.run(initialise, check=True, capture_output=True, **self._unprivileged())
        options = ["-k", str(self._folder), "-c", "listen_addresses=", "-c", "max_connections=50"]
        options += [] if synced else ["-F"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(binary("postgres")), "-D", str(data), *options], stdout=log, stderr=log, **self._unprivileged()
            )
        eventually(self._answers)

    def new_database(self) -> str:
        """SQLAlchemy's URL of a database of its own."""
        name = f"test_{next(_fresh)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        url = URL.create("postgresql+psycopg", username=_USER, database=name, query={"host": str(self._folder)})
        return url.render_as_string()

    def pause(self) -> None:
        """It answers nobody any more, and nobody is told."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        self.resume()
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)
        shutil.rmtree(self._folder)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):  # its workers come and go
                process.send_signal(number)

    def _family(self) -> list[psutil.Process]:
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            psycopg.connect(self._dsn("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _dsn(self, name: str) -> str:
        return f"host={self._folder} user={_USER} dbname={name}"

    def _unprivileged(self) -> dict[str, object]:
        """The server refuses to run as root."""
        rights = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        return {"cwd": self._folder, **rights}
