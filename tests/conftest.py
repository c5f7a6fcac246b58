"""What every test may use, and the guard that a skip is never silent in continuous integration."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

# How long one example takes says nothing here: a busy machine must not fail a property.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder with pyproject.toml in it."""
    return CHECKOUT


@pytest.fixture
def walkable_path() -> Iterator[Path]:
    """As `tmp_path`, for what is done in it by `tests.unprivileged.as_nobody`."""
    from tests.unprivileged import walkable_folder

    with walkable_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """Recorded market data: `METRONOME_DATA`, or `shared/data` beside the checkout; skips where both are absent."""
    folder = Path(os.environ.get("METRONOME_DATA", CHECKOUT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("recorded market data is absent (METRONOME_DATA)")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator["PostgresServer"]:
    """A server of our own; skips where PostgreSQL is not installed."""
    from tests.postgres import PostgresServer, binary

    if binary("initdb") is None:
        pytest.skip("PostgreSQL is absent")
    server = PostgresServer()
    yield server
    server.stop()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--allowed-skips",
        metavar="FILE",
        type=Path,
        help="fail when a test is skipped for a reason that is not a line of FILE",
    )


def pytest_configure(config: pytest.Config) -> None:
    if (file := config.getoption("--allowed-skips")) is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGuard(_lines(file)), "skip-guard")


def _lines(file: Path) -> frozenset[str]:
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


class SkipGuard:
    """Turns a run green only when every skip had an allowed reason."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        self._surprises: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report.nodeid, report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self._note(report.nodeid, report.longrepr)

    def _note(self, nodeid: str, longrepr: object) -> None:
        words = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        reason = words.removeprefix("Skipped: ")
        if reason not in self._allowed:
            self._surprises.append(f"{nodeid}: {reason}")

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if self._surprises and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._surprises:
            terminalreporter.section("skips that are not allowed here", red=True)
            for each in self._surprises:
                terminalreporter.line(each)
