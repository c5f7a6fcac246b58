"""structlog for the whole process: console on a terminal, JSON when piped or under systemd, written by a thread of
its own.

Modules log with `structlog.get_logger()` and bind their context once; the standard library's loggers flow into the
same pipeline.
"""

import json
import logging
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from core.runtime.redaction import Redactor
from core.settings.logging import LoggingSettings

_KEPT_LINES = 500

NOISY = ("urllib3", "asyncio", "websockets", "uvicorn.access")
"""Libraries whose debug lines would drown ours: held at warning."""


@dataclass(frozen=True, slots=True)
class LogStatistics:
    written: int
    dropped: int
    """Lines lost because the queue was full (a blocked pipe, a slow disk) or the stream broken."""
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
        stream: TextIO | None = None,
        secrets: Iterable[str] = (),
        capacity: int = 10_000,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """`stream` `None`: stderr."""
        stream = stream or sys.stderr
        self._level = logging.getLevelNamesMapping()[settings.level.upper()]
        self._redactor = Redactor(secrets)
        is_console = settings.format == "console" or (
            settings.format == "auto" and stream.isatty() and "JOURNAL_STREAM" not in environment
        )
        self._writer = _Writer(stream, capacity, self._formatter(is_console, colors=stream.isatty()), self._redactor)
        self._is_open = False
        self._before: tuple[list[logging.Handler], int, Callable[[threading.ExceptHookArgs], object]]

    def start(self) -> None:
        structlog.configure(
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_logger_name,
                *_STAMPS,
                _hold_exception,
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(self._level),
            logger_factory=structlog.stdlib.LoggerFactory(),
            cache_logger_on_first_use=False,
        )
        root = logging.getLogger()
        self._before = (root.handlers[:], root.level, threading.excepthook)
        root.handlers[:] = [_QueueHandler(self._writer)]
        root.setLevel(self._level)
        threading.excepthook = _log_thread_exception
        for name in NOISY:
            logging.getLogger(name).setLevel(max(self._level, logging.WARNING))
        logging.captureWarnings(True)
        self._writer.start()
        self._is_open = True

    def set_level(self, level: str) -> None:
        """From now on, of loggers that are asked for then, too."""
        self._level = logging.getLevelNamesMapping()[level.upper()]
        if self._is_open:
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(self._level))
            logging.getLogger().setLevel(self._level)

    def add_secret(self, secret: str) -> None:
        """Redact this value too from now on."""
        self._redactor.add(secret)

    def close(self, timeout_s: float = 2.0) -> None:
        """Idempotent. Gives up on a stream that blocks for longer."""
        if not self._is_open:
            return
        self._is_open = False
        logging.captureWarnings(False)
        root = logging.getLogger()
        root.handlers[:], level, threading.excepthook = self._before
        root.setLevel(level)
        self._writer.close(timeout_s)
        structlog.reset_defaults()

    def statistics(self) -> LogStatistics:
        return self._writer.statistics()

    def newest(self, limit: int) -> tuple[str, ...]:
        """The last few hundred lines as they were written, newest first."""
        return self._writer.newest(limit)

    def _formatter(self, is_console: bool, *, colors: bool) -> structlog.stdlib.ProcessorFormatter:
        renderers: list[Processor]
        if is_console:
            plain = structlog.dev.plain_traceback
            drawn = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain, pad_event_to=28)
            renderers = [_steer_nothing, drawn]
        else:
            renderers = [structlog.processors.format_exc_info, _in_order, structlog.processors.JSONRenderer(_json)]
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_STAMPS],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, self._mask_keys, *renderers],
        )

    def _mask_keys(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return self._redactor.mask_keys(event)


_STAMPS: list[Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
]


class _QueueHandler(logging.Handler):
    """Hands records over without waiting for anything."""

    def __init__(self, writer: "_Writer") -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        if not isinstance(record.msg, dict):  # arguments of foreign lines may change before they are written
            record.msg, record.args = record.getMessage(), None
        self._writer.put(record)


class _Writer:
    """The queue, the thread that empties it, and the stream."""

    def __init__(self, stream: TextIO, capacity: int, formatter: logging.Formatter, redactor: Redactor) -> None:
        self._stream = stream
        self._capacity = capacity
        self._formatter = formatter
        self._redactor = redactor
        # A SimpleQueue because its put is reentrant: a finaliser that logs while its thread is inside `put` must not
        # wait for itself.
        self._queue: queue.SimpleQueue[logging.LogRecord | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._written = 0
        self._dropped = 0
        self._dropped_said = 0
        self._newest: deque[str] = deque(maxlen=_KEPT_LINES)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def put(self, record: logging.LogRecord) -> None:
        if self._queue.qsize() >= self._capacity:
            self._dropped += 1
        else:
            self._queue.put(record)

    def close(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout_s)

    def newest(self, limit: int) -> tuple[str, ...]:
        return tuple(self._newest.copy())[: -limit - 1 : -1]

    def statistics(self) -> LogStatistics:
        return LogStatistics(written=self._written, dropped=self._dropped, depth=self._queue.qsize())

    def _run(self) -> None:
        while (record := self._queue.get()) is not None:
            self._write(record)
            if self._dropped > self._dropped_said and self._queue.qsize() < self._capacity // 2:
                self._say_dropped()

    def _write(self, record: logging.LogRecord) -> None:
        try:
            line = self._redactor.mask_text(self._formatter.format(record))
            self._newest.append(line)
            self._stream.write(line + "\n")
            self._stream.flush()
            self._written += 1
        except Exception:  # the boundary of one line: one that can't be rendered or written costs itself only
            self._dropped += 1

    def _say_dropped(self) -> None:
        dropped, self._dropped_said = self._dropped - self._dropped_said, self._dropped
        record = logging.LogRecord(__name__, logging.WARNING, "", 0, f"log_lines_dropped count={dropped}", None, None)
        self._write(record)


def _steer_nothing(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What came from a venue or a strategy must not give orders to the terminal: `\\x1b` for an escape."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = "".join(map(_shown, value))
    return event


def _shown(each: str) -> str:
    return each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()


def _in_order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When, how bad and what come first: a person reads it, too."""
    first = {key: event[key] for key in ("at", "level", "event", "logger") if key in event}
    return {**first, **event}


def _hold_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """`exc_info=True` means the exception of the calling thread: look it up before the line changes threads."""
    if event.get("exc_info") is True:
        event["exc_info"] = sys.exc_info()
    return event


def _log_thread_exception(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread else ""
    structlog.get_logger(__name__).error("thread_died", thread=name, exc_info=args.exc_value)


def _json(event: Any, **_: Any) -> str:
    return json.dumps(event, default=str, ensure_ascii=False)
