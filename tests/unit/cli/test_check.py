"""What `check` finds, with a venue that answers as told."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.cli.findings import Finding, Level, draw, exit_code, fail, ok, warn
from core.cli.machine_checks import machine_findings
from core.cli.venue_checks import venue_findings
from core.domain.errors import RequestRefused, VenueUnavailable
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind, InstrumentStatus
from core.ports.venue import KeyPermissions, VenueCapabilities
from core.settings.load import load_settings
from core.settings.tree import Settings
from unit.cli.test_table import drawn
from unprivileged import as_nobody

NOW_MS = 1_794_000_000_000.0
BTC = Instrument(
    id=InstrumentId("BTC/USDT"),
    venue_symbol="BTCUSDT",
    kind=InstrumentKind.SPOT,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=None,
    min_notional=Decimal(5),
)


class AnsweringVenue:
    """The part of a venue that `check` asks; an exception as an answer is raised."""

    capabilities = VenueCapabilities(
        name="binance",
        order_types=frozenset(),
        native_stops=True,
        request_window_ms=5_000,
        replica_lag_ms=0,
        max_klines=1,
        short_selling=False,
    )

    def __init__(self, **answers: Any) -> None:
        self._answers = {
            "server_time_ms": NOW_MS,
            "clock_speed": 1.0,
            "instruments": {BTC.id: BTC},
            "key_permissions": KeyPermissions(can_read=True, can_trade=True, can_withdraw=False),
            **answers,
        }

    def __getattr__(self, name: str) -> Callable[[], Any]:
        answer = self._answers[name]

        def give() -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return give


def settings_with(**variables: str) -> Settings:
    given = {"TRADING__SYMBOLS": '["BTC/USDT"]', **variables}
    return load_settings(environment={f"METRONOME__{name}": value for name, value in given.items()}).settings


KEYS = {"VENUE__API_KEY": "key", "VENUE__SECRET": "secret"}


def findings(settings: Settings | None = None, **answers: Any) -> dict[str, Finding]:
    rest: Any = AnsweringVenue(**answers)
    found = list(venue_findings(rest, settings or settings_with(), now_ms=lambda: NOW_MS))
    return {each.subject: each for each in found}


def test_a_venue_as_it_should_be():
    found = findings(settings_with(**KEYS))
    assert [each.level for each in found.values()] == [Level.OK] * 4
    assert found["BTC/USDT"].words == "tick 0.01, lot 0.00001, at least 0.00001 BTC and 5 USDT"
    assert found["keys"].words == "accepted; may trade"


def test_a_venue_that_is_down_ends_with_3():
    found = findings(server_time_ms=VenueUnavailable("connection refused"))
    assert list(found) == ["venue binance"]
    assert found["venue binance"].exit_code == 3
    assert findings(instruments=VenueUnavailable("maintenance"))["symbols"].exit_code == 3


@pytest.mark.parametrize(
    ("skew_ms", "level", "words"),
    [(100, Level.OK, "behind"), (-900, Level.WARN, "ahead of"), (2_600, Level.FAIL, "NTP")],
)
def test_clock_skew_is_measured(skew_ms: int, level: Level, words: str):
    found = findings(server_time_ms=NOW_MS + skew_ms)["clock"]
    assert found.level is level
    assert words in found.words


def test_time_that_runs_faster_is_no_skew():
    found = findings(server_time_ms=NOW_MS * 2, clock_speed=20.0)["clock"]
    assert (found.level, found.words) == (Level.OK, "the venue's time runs 20 times as fast as real time")


def test_keys_are_tried_where_there_are_any():
    assert findings()["keys"].words == "none given; paper mode needs none"
    refused = findings(settings_with(**KEYS), key_permissions=RequestRefused("Invalid API-key", code=-2015))["keys"]
    assert (refused.level, refused.exit_code) == (Level.FAIL, 2)
    assert "[-2015] Invalid API-key" in refused.words
    reading = KeyPermissions(can_read=True, can_trade=False, can_withdraw=None)
    live = {"TRADING__MODE": "live", "TRADING__ACCEPT_LIVE_TRADING": "true"}
    assert findings(settings_with(**KEYS, **live), key_permissions=reading)["keys"].level is Level.FAIL
    assert findings(settings_with(**KEYS), key_permissions=reading)["keys"].level is Level.OK
    withdrawing = KeyPermissions(can_read=True, can_trade=True, can_withdraw=True)
    assert findings(settings_with(**KEYS), key_permissions=withdrawing)["keys"].level is Level.WARN


def test_each_symbol_is_looked_up():
    asked = settings_with(TRADING__SYMBOLS='["BTC/USDT", "BTC/USD"]')
    unknown = findings(asked)["BTC/USD"]
    assert (unknown.level, unknown.words) == (Level.FAIL, "the venue has no such symbol. Did you mean BTC/USDT?")
    halted = replace(BTC, status=InstrumentStatus.HALTED)
    assert findings(instruments={BTC.id: halted})["BTC/USDT"].level is Level.WARN
    dear = replace(BTC, min_notional=Decimal(60_000))
    too_dear = findings(instruments={BTC.id: dear})["BTC/USDT"]
    assert too_dear.level is Level.FAIL
    assert "risk.max_order_notional_usd" in too_dear.words


def on_machine(settings: Settings) -> dict[str, Finding]:
    return {each.subject: each for each in machine_findings(settings)}


def test_a_machine_as_it_should_be(tmp_path: Path):
    found = on_machine(settings_with(STORAGE__DATA_DIR=str(tmp_path)))
    assert {each.level for each in found.values()} == {Level.OK}
    assert set(found) == {"data folder", "disk", "database", "strategy ema_cross"}
    assert list(tmp_path.iterdir()) == []


def test_too_little_disk_space_fails(tmp_path: Path):
    plenty = str(10**9)
    found = on_machine(settings_with(STORAGE__DATA_DIR=str(tmp_path), STORAGE__MIN_FREE_DISK_MB=plenty))
    assert found["disk"].level is Level.FAIL


def test_a_data_folder_without_permission_fails_alone(walkable_path: Path):
    locked = walkable_path / "locked"
    locked.mkdir(mode=0o555)
    settings = settings_with(STORAGE__DATA_DIR=str(locked))
    on_machine(settings)  # imports what it needs, before the child loses the right to

    def find() -> str:
        found = on_machine(settings)
        return f"{found['data folder'].level} {found['data folder'].words} {sorted(found)}"

    said = as_nobody(find)
    assert said.startswith(f"fail storage.data_dir: no permission to write in {locked}")
    assert "disk" not in said.rpartition("[")[2]


@pytest.mark.parametrize(
    ("url", "level", "words"),
    [
        ("sqlite:///{folder}/other.db", Level.OK, "answers"),
        ("sqlite:///{folder}/no/such/folder/x.db", Level.FAIL, "does not answer"),
        ("nonsense", Level.FAIL, "is no SQLAlchemy URL"),
        ("postgresql+psycopg://me:hush@127.0.0.1:1/x", Level.FAIL, "does not answer"),
    ],
)
def test_a_database_by_url_is_asked(tmp_path: Path, url: str, level: Level, words: str):
    journal_url = url.format(folder=tmp_path)
    settings = settings_with(STORAGE__DATA_DIR=str(tmp_path), STORAGE__JOURNAL_URL=journal_url)
    found = on_machine(settings)["database"]
    assert found.level is level
    assert words in found.words
    assert "hush" not in found.words


def test_files_of_secrets_that_others_may_read_are_warned_of(tmp_path: Path):
    for name in ("key", "secret"):
        (tmp_path / name).write_text("x")
    (tmp_path / "key").chmod(0o644)
    (tmp_path / "secret").chmod(0o600)
    found = on_machine(
        settings_with(
            STORAGE__DATA_DIR=str(tmp_path),
            VENUE__API_KEY_FILE=str(tmp_path / "key"),
            VENUE__SECRET_FILE=str(tmp_path / "secret"),
        )
    )
    assert found["venue.api_key_file"].level is Level.WARN
    assert "mode 0644" in found["venue.api_key_file"].words
    assert found["venue.secret_file"].level is Level.OK


@pytest.mark.parametrize(
    ("use", "words"),
    [("ema_crss", "ema_cross"), ("no.such.module:Class", "no.such.module")],
)
def test_a_strategy_that_does_not_load_fails(tmp_path: Path, use: str, words: str):
    given = {"TRADING__STRATEGIES": f'[{{"use": "{use}"}}]', "STORAGE__DATA_DIR": str(tmp_path)}
    found = on_machine(settings_with(**given))[f"strategy {use}"]
    assert found.level is Level.FAIL
    assert words in found.words


def test_the_exit_code_is_0_with_warnings_and_settings_come_before_the_venue():
    assert exit_code([ok("a", ""), warn("b", "")]) == 0
    assert exit_code([fail("a", "", 3)]) == 3
    assert exit_code([fail("a", "", 3), fail("b", "")]) == 2


def test_findings_are_drawn_one_a_line():
    lines = drawn(draw([ok("a", "fine"), fail("bc", "[red]not[/red] fine")]), 60)
    assert [line.rstrip() for line in lines] == ["ok    a   fine", "fail  bc  [red]not[/red] fine"]
