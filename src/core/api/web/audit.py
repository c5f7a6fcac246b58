"""The record of every command: who, from where, what, and what came of it."""

import json
import time
from contextlib import suppress
from pathlib import Path

import structlog

_MOST_BYTES = 10_000_000
_LONGEST = 1_000


class Audit:
    """`audit.jsonl` in the data folder, mode 0600, one object a line; at `_MOST_BYTES` it is put aside as
    `audit.1.jsonl`, which replaces the one before."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "audit.jsonl"
        self._log = structlog.get_logger(__name__)
        self._is_ill = False

    def write(self, *, who: str, client: str, what: str, outcome: str, **more: str) -> None:
        """Never raises: a disk that can't take it is told once, in the daemon's log."""
        said = {"who": who, "client": client, "what": what, "outcome": outcome, **more}
        line = {"at_ms": time.time_ns() // 1_000_000, **{key: text[:_LONGEST] for key, text in said.items()}}
        try:
            with suppress(FileNotFoundError):
                if self._file.stat().st_size > _MOST_BYTES:
                    self._file.replace(self._file.with_name("audit.1.jsonl"))
            is_new = not self._file.exists()
            with self._file.open("a", encoding="utf-8") as file:
                if is_new:
                    self._file.chmod(0o600)
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            if not self._is_ill:
                self._log.error("audit_not_written", file=str(self._file), error=str(error))
            self._is_ill = True
        else:
            self._is_ill = False
