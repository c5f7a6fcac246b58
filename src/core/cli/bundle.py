"""`bundle`: everything a bug report needs, in one file without secrets."""

import io
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.cli.options import ConfigFiles, settings_of
from core.domain.errors import SettingsError

_FOLDER = "metronome-bundle"


def bundle(
    config: ConfigFiles = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: metronome-bundle-TIME.tar.gz here.")
    ] = None,
) -> None:
    """Pack settings (masked), decisions, journal, metrics, stacks, logs and versions; a daemon need not run."""
    from core.cli.incident import gathered

    now = datetime.now(UTC)
    file = output or Path(f"{_FOLDER}-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    _require_new(file)
    texts, missing = gathered(settings_of(config))
    _write(file, _packed(texts | {"contents.txt": _contents(texts, missing, now)}))
    typer.echo(f"{file}: {len(texts)} parts, {file.stat().st_size:,} bytes; no secret that is known here is in it.")
    for name, why in missing.items():
        typer.echo(f"  without {name}: {why.splitlines()[0]}")
    typer.echo("Look into it before you give it to somebody: orders, positions and symbols are in it.")


def _require_new(file: Path) -> None:
    """Said before seconds of gathering."""
    if file.exists():
        raise SettingsError(f"--output {file}: exists already; choose another name.")
    if not file.absolute().parent.is_dir():
        raise SettingsError(f"--output {file}: the folder {file.absolute().parent} does not exist.")


def _contents(texts: dict[str, str], missing: dict[str, str], now: datetime) -> str:
    there = (f"{len(text):>12,} characters  {name}" for name, text in texts.items())
    absent = (f"{'missing':>23}  {name}: {why}" for name, why in missing.items())
    return "\n".join((f"gathered {now:%Y-%m-%d %H:%M:%S} UTC", *there, *absent)) + "\n"


def _packed(texts: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", compresslevel=6) as archive:
        for name, text in texts.items():
            data = text.encode(errors="replace")
            member = tarfile.TarInfo(f"{_FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, for this user alone."""
    from core.runtime.durable_files import write_durably

    try:
        write_durably(file, content, mode=0o600)
    except OSError as error:
        raise SettingsError(f"--output {file}: cannot be written: {error.strerror or error}.") from None
