"""What `check` looks at on this machine: data folder, disk, database, files of secrets, the API's port, strategies."""

import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.cli.data_dir import require_data_dir
from core.cli.findings import Finding, fail, ok, warn
from core.domain.errors import SettingsError, StrategyError
from core.domain.instruments import InstrumentId
from core.settings.storage import StorageSettings
from core.settings.trading import TradingSettings
from core.settings.tree import Settings

_MB = 1_000_000
_ROOMY = 10
"""Below this many times the minimum, the free disk space is worth a warning."""


def machine_findings(settings: Settings) -> Iterator[Finding]:
    """Never raises for what it finds."""
    try:
        require_data_dir(settings.storage.data_dir)
    except SettingsError as error:
        yield fail("data folder", str(error))
    else:
        yield ok("data folder", f"{settings.storage.data_dir.absolute()} is writable")
        yield _disk(settings.storage)
        yield _database(settings.storage)
    yield from _secret_files(settings)
    yield from _strategies(settings.trading)


def _disk(storage: StorageSettings) -> Finding:
    free_mb = shutil.disk_usage(storage.data_dir).free // _MB
    words = f"{free_mb:,} MB free where the data folder is, the minimum is {storage.min_free_disk_mb:,} MB"
    if free_mb < storage.min_free_disk_mb:
        return fail("disk", f"{words}: no new risk would be taken. Make room, or move storage.data_dir.")
    if free_mb < _ROOMY * storage.min_free_disk_mb:
        return warn("disk", f"{words}. Make room soon.")
    return ok("disk", words)


def _database(storage: StorageSettings) -> Finding:
    if storage.journal_url is not None:
        return _database_url(storage.journal_url)
    try:
        with tempfile.TemporaryDirectory(prefix=".check-", dir=storage.data_dir) as folder:
            connection = sqlite3.connect(Path(folder) / "check.sqlite")
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute("CREATE TABLE proof (number INTEGER)")
                connection.commit()
            finally:
                connection.close()
    except (sqlite3.Error, OSError) as error:
        return fail("database", f"SQLite cannot write in {storage.data_dir}: {error}. A local disk is needed, not NFS.")
    return ok("database", f"SQLite {sqlite3.sqlite_version} writes durably in the data folder")


def _database_url(url: str) -> Finding:
    import sqlalchemy

    try:
        shown = sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return fail("database", "storage.journal_url is no SQLAlchemy URL, such as sqlite:////var/lib/metronome/x.db.")
    try:
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        return fail("database", f"{shown} does not answer: {error}. Check storage.journal_url and the server.")
    return ok("database", f"{shown} answers")


def _secret_files(settings: Settings) -> Iterator[Finding]:
    """Secrets that other users of this machine could read."""
    files = {
        "venue.api_key_file": settings.venue.api_key_file,
        "venue.secret_file": settings.venue.secret_file,
        "api.token_file": settings.api.token_file,
    }
    for name, file in files.items():
        if file is None:
            continue
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield warn(name, f"{file} has mode {mode:04o}: others may read it. `chmod 600 {file}`.")
        else:
            yield ok(name, f"{file} is readable by its owner alone")


def _strategies(trading: TradingSettings) -> Iterator[Finding]:
    from core.strategies.loading import load
    from core.strategies.spec import StrategySpec

    symbols = tuple(map(InstrumentId, trading.symbols))
    for settings in trading.strategies:
        subject = f"strategy {settings.use}"
        try:
            found = load(StrategySpec.from_settings(settings, symbols, trading.strategies_dir)).description
        except (SettingsError, StrategyError) as error:
            yield fail(subject, str(error))
        else:
            given = " ".join(f"{key}={value}" for key, value in found.parameters.items())
            yield ok(subject, f"{found.timeframe.value} candles, warm-up {found.warmup}, {given or 'no parameters'}")
