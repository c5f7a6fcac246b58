"""The pipeline writes to real streams here; assertions are on structure and on what must not be there."""

import io
import json
import logging
import os
import pty
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import pytest
import structlog

from core.runtime.logging import LogPipeline
from core.settings.logging import LoggingSettings

Open = Callable[..., LogPipeline]


@pytest.fixture
def open_log() -> Iterator[Open]:
    opened: list[LogPipeline] = []

    def make(stream: TextIO, **settings: Any) -> LogPipeline:
        known = {key: settings.pop(key) for key in ("level", "format") if key in settings}
        pipeline = LogPipeline(LoggingSettings(**known), stream=stream, environment={}, **settings)
        pipeline.start()
        opened.append(pipeline)
        return pipeline

    yield make
    for pipeline in opened:
        pipeline.close()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_piped_lines_are_json_with_level_time_and_context(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream)
    structlog.contextvars.bind_contextvars(cycle="c1")
    try:
        structlog.get_logger("core.x").bind(symbol="BTC/USDT").info("decided", outcome="TRADE")
    finally:
        structlog.contextvars.clear_contextvars()
    log.close()
    (line,) = lines(stream)
    assert list(line)[:4] == ["at", "level", "event", "logger"]
    at = line.pop("at")
    assert at.endswith("Z")
    assert line == {
        "event": "decided",
        "level": "info",
        "logger": "core.x",
        "symbol": "BTC/USDT",
        "outcome": "TRADE",
        "cycle": "c1",
    }


def test_standard_library_lines_and_warnings_flow_into_it(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream)
    logging.getLogger("ccxt.base").error("refused %s", "order")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    log.close()
    said = {line["logger"]: line["event"] for line in lines(stream)}
    assert said["ccxt.base"] == "refused order"
    assert "old" in said["py.warnings"]


def test_exceptions_are_those_of_the_logging_thread(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream)
    try:
        raise ValueError("bad candle")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    log.close()
    assert "ValueError: bad candle" in lines(stream)[0]["exception"]


def test_the_level_filters(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream, level="warning")
    structlog.get_logger("x").info("quiet")
    logging.getLogger("x").info("quiet")
    structlog.get_logger("x").warning("loud")
    log.close()
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_no_secret_reaches_the_stream(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream, secrets=["s3cr3t-value"])
    log.add_secret("another-one")
    try:
        raise RuntimeError("https://x/?signature=deadbeef s3cr3t-value another-one")
    except RuntimeError:
        structlog.get_logger("x").exception("failed", api_key="KEYKEYKEY", detail={"password": "pass-word"})
    log.close()
    assert not any(
        word in stream.getvalue() for word in ("s3cr3t-value", "another-one", "deadbeef", "KEYKEYKEY", "pass-word")
    )
    assert len(lines(stream)) == 1


def test_a_terminal_gets_colours_and_systemd_gets_json(open_log: Open) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        log = open_log(terminal)
        structlog.get_logger("x").info("decided", symbol="BTC/USDT")
        log.close()
        shown = os.read(ours, 4096).decode()
        assert "\x1b[" in shown
        assert "decided" in shown
        under_systemd = LogPipeline(LoggingSettings(), stream=terminal, environment={"JOURNAL_STREAM": "8:1"})
        under_systemd.start()
        structlog.get_logger("x").info("decided", symbol="BTC/USDT")
        under_systemd.close()
        assert json.loads(os.read(ours, 4096))["symbol"] == "BTC/USDT"
    os.close(ours)


class BlockedStream(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.release.wait(10)
        return super().write(text)


def test_a_blocked_stream_never_blocks_the_caller_and_lost_lines_are_counted_and_told(open_log: Open) -> None:
    stream = BlockedStream()
    log = open_log(stream, capacity=10)
    logger = structlog.get_logger("x")
    logger.info("first")
    stream.entered.wait(10)
    for number in range(50):
        logger.info("line", number=number)
    assert log.statistics().dropped == 40
    assert log.statistics().depth == 10
    stream.release.set()
    log.close()
    events = [line["event"] for line in lines(stream)]
    assert events.count("line") == 10
    assert "log_lines_dropped count=40" in events


def test_a_line_that_cannot_be_written_costs_itself_only(open_log: Open) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    stream = io.StringIO()
    log = open_log(stream)
    structlog.get_logger("x").info("bad", value=Unprintable())
    structlog.get_logger("x").info("good")
    log.close()
    assert "good" in [line["event"] for line in lines(stream)]
    assert log.statistics().dropped == 1


def test_a_thread_that_dies_is_told(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream)

    def die() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=die, name="feed")
    thread.start()
    thread.join()
    log.close()
    (line,) = lines(stream)
    assert (line["event"], line["thread"]) == ("thread_died", "feed")


def test_close_gives_back_what_start_took(open_log: Open) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, threading.excepthook
    log = open_log(io.StringIO())
    log.close()
    log.close()
    assert (root.handlers[:], root.level, threading.excepthook) == before


def test_what_comes_from_outside_gives_no_orders_to_a_terminal(open_log: Open) -> None:
    stream = io.StringIO()
    log = open_log(stream, format="console")
    structlog.get_logger("core.x").info("cycle", reason="\x1b[31mred\x9b2J\x07", note="\u202eabc")
    logging.getLogger("other").warning("said \x1b]0;title\x07")
    log.close()
    assert all(each.isprintable() or each == "\n" for each in stream.getvalue())
    assert r"\x1b[31mred" in stream.getvalue()
