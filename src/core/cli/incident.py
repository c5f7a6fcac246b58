"""What a bug report should have in it, gathered from a machine whose daemon may run, hang or be dead. No part holds up
another, and what can't be had is said instead."""

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from core import __version__
from core.account_ledger import ledger_reader
from core.cli.client import DaemonClient
from core.cli.journal_reports import record_line, verify_all
from core.cli.stack_dump import stacks_of
from core.domain.errors import JournalError, MetronomeError
from core.execution.journal.reading import journals, newest_rows
from core.runtime.redaction import PROCESS
from core.settings.load import LoadedSettings
from core.settings.show import show_settings
from core.settings.tree import Settings
from core.single_writer import account_name

_LOG_BYTES = 2_000_000
"""Of the end of each log."""
_PART_CHARS = 8_000_000
_DECISIONS, _RECORDS = 1_000, 2_000
_UNIT = "metronome"
_UNIT_LINES = 5_000
_ASK_S = 5.0
_FILES = 10_000

Part = tuple[str, Callable[[], str]]
"""File name, and what makes its text; raises where there is nothing to be had."""


class NothingThere(MetronomeError):
    """A part that this machine does not have."""


def gathered(loaded: LoadedSettings) -> tuple[dict[str, str], dict[str, str]]:
    """Texts by file name, with no secret in them; and why others are missing, by theirs."""
    texts: dict[str, str] = {}
    missing: dict[str, str] = {}
    _learn_tokens(loaded.settings.storage.data_dir)
    for name, make in _parts(loaded):
        try:
            texts[name] = PROCESS.mask_text(make()[:_PART_CHARS])
        except Exception as error:  # the boundary of one part: whatever is wrong with it may be what is reported
            words = str(error) if isinstance(error, MetronomeError) else f"{type(error).__name__}: {error}"
            missing[name] = PROCESS.mask_text(words)
    return texts, missing


def _parts(loaded: LoadedSettings) -> Iterator[Part]:
    settings = loaded.settings
    client = DaemonClient(settings, timeout_s=_ASK_S)
    data_dir = settings.storage.data_dir
    yield "versions.json", _versions
    yield "settings.toml", lambda: show_settings(loaded)
    yield "data_dir.txt", lambda: _listing(data_dir)
    for name, path in (
        ("status.json", "/api/v1/status"),
        ("orders.json", "/api/v1/orders"),
        ("ready.json", "/health/ready"),
        ("metrics.txt", "/metrics"),
    ):
        yield name, partial(client.text, path)
    yield "decisions.jsonl", lambda: _decisions(settings)
    yield "reasons.jsonl", lambda: _reasons(settings)
    yield "journal.jsonl", lambda: _journal(settings)
    yield "journal_findings.json", lambda: msgspec.json.encode(verify_all(settings.storage)).decode()
    for log in ("metronome.log", "metronome.log.1"):
        yield f"logs/{log}", partial(_tail, data_dir / log)
    yield "logs/unit.log", _unit_log
    yield "stacks.txt", lambda: _stacks(settings)


def _versions() -> str:
    packages = {each.name: each.version for each in importlib.metadata.distributions()}
    found = {
        "metronome": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "sqlite": sqlite3.sqlite_version,
        "cpus": os.cpu_count(),
        "packages": dict(sorted(packages.items())),
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def _listing(folder: Path) -> str:
    disk = shutil.disk_usage(folder)
    lines = [f"{disk.free:,} bytes free of {disk.total:,}"]
    for file in sorted(islice(folder.rglob("*"), _FILES)):
        found = file.lstat()
        lines.append(f"{found.st_mode:o} {found.st_size:>14,} {file.relative_to(folder)}")
    return "\n".join(lines) + "\n"


def _decisions(settings: Settings) -> str:
    lines = ledger_reader(settings, account_name(settings)).newest(_DECISIONS)
    if not lines:
        raise NothingThere("none recorded")
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in reversed(lines))


def _reasons(settings: Settings) -> str:
    counts = ledger_reader(settings, account_name(settings)).summary()
    return "".join(msgspec.json.encode(count).decode() + "\n" for count in counts)


def _journal(settings: Settings) -> str:
    lines: list[str] = []
    for reader in journals(settings.storage.data_dir, settings.storage.journal_url):
        try:
            for book in reader.books():
                with reader.opened() as connection:
                    rows = newest_rows(connection, book.number, _RECORDS)
                lines += [record_line(reader.location, table, row) for table, row in rows]
        except JournalError as error:
            lines.append(msgspec.json.encode({"journal": reader.location, "error": str(error)}).decode())
    if not lines:
        raise NothingThere("no journal yet")
    return "\n".join(lines) + "\n"


def _tail(file: Path) -> str:
    if not file.exists():
        raise NothingThere("there is none: a daemon without a terminal logs to its output")
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - _LOG_BYTES))
        return log.read(_LOG_BYTES).decode(errors="replace")


def _unit_log() -> str:
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        raise NothingThere("no journalctl on this machine")
    command = [journalctl, "--unit", _UNIT, "--lines", str(_UNIT_LINES), "--output", "cat", "--no-pager", "--quiet"]
    done = subprocess.run(command, capture_output=True, timeout=10, check=False)  # noqa: S603 - fixed words
    text = done.stdout.decode(errors="replace")
    if not text.strip():
        raise NothingThere(f"journalctl has no lines of the unit {_UNIT}")
    return text[-_LOG_BYTES:]


def _stacks(settings: Settings) -> str:
    holders = [
        each
        for reader in journals(settings.storage.data_dir, settings.storage.journal_url)
        for each in reader.holders()
    ]
    pids = sorted({each.pid for each in holders})
    if not pids:
        raise NothingThere("no daemon of this data folder runs on this machine")
    return "\n".join(stacks_of(pid) for pid in sorted(pids))


def _learn_tokens(data_dir: Path) -> None:
    """What the daemon itself has written for others to read is no secret of the settings."""
    for file in data_dir.glob("*.token*"):
        try:
            PROCESS.add(file.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError):
            continue
