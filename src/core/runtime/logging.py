"""structlog for the whole process: console on a terminal, JSON when piped or under systemd, written by a thread of
its own.

Modules log with `structlog.get_logger()` and bind their context once; the standard library's loggers flow into the
same pipeline.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from core.settings.logging import LoggingSettings


@dataclass(frozen=True, slots=True)
class LogStatistics:
    written: int
    dropped: int
    """Lines lost because the queue was full (a blocked pipe, a slow disk)."""
    depth: int


class LogPipeline:
    """`start()` takes over structlog and the root logger; `close()` writes out what is queued and gives them back.

    Logging never blocks: lines go through a bounded queue to a writer thread, and where it is full they are dropped
    and counted. No secret reaches the stream: values of keys that name one, the known `secrets` wherever they occur,
    and signatures in URLs are replaced.
    """

    def __init__(
        self,
        settings: LoggingSettings,
        *,
        stream: TextIO = sys.stderr,
        secrets: Iterable[str] = (),
        capacity: int = 10_000,
    ) -> None: ...

    def start(self) -> None:
        raise NotImplementedError

    def add_secret(self, secret: str) -> None:
        """Redact this value too from now on."""
        raise NotImplementedError

    def close(self, timeout_s: float = 2.0) -> None:
        """Idempotent. Gives up on a stream that blocks for longer."""
        raise NotImplementedError

    def statistics(self) -> LogStatistics:
        raise NotImplementedError
