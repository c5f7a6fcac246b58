import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from core.api.answers import Why
from core.cli.columns import orders_table, positions_table
from core.cli.reasons import reasons
from core.cli.table import render
from core.domain.commands import FlattenProgress
from core.domain.status import DaemonStatus, LimitUse
from unit.cli.pictures import NOW_MS, decision, order, picture, position, symbol


def drawn(what: RenderableType, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(what)
    return capture.get().splitlines()


def page(status: DaemonStatus, width: int, height: int | None = None) -> list[str]:
    return drawn(render(status, width, height), width)


@pytest.mark.parametrize("width", [80, 110, 150])
def test_shows_what_a_person_watches(width: int):
    text = "\n".join(page(picture(), width))
    for each in ("PAPER", "sim", "trading", "NORMAL", "×20", "1:02:05", "100,234.51 USDT", "+234.51", "fees 41.22"):
        assert each in text
    for each in ("p50 0.3 p99 1.2 max 8.1", "rss 145 MB", "messages 123,456", "decisions HOLD 320, TRADE 20"):
        assert each in text
    for each in ("BTC/USDT", "67,123.45", "0.1s/1.4s", "mute", "0.298", "+36.76", "unknown", "0/0.298"):
        assert each in text


def test_says_where_orders_go_when_it_is_elsewhere():
    assert "PAPER  on binance, orders to sim  " in page(picture(venue="binance", orders_venue="sim"), 110)[1]
    assert "PAPER  on sim  " in page(picture(venue="sim", orders_venue="sim"), 110)[1]
    assert "OBSERVE  on binance  " in page(picture(mode="observe", venue="binance", orders_venue=None), 110)[1]


def test_a_wide_terminal_shows_more_than_a_narrow_one():
    wide = "\n".join(page(picture(), 150))
    for each in ("m-3f9a2c-1", "NO_TRADE HOLD strategy=ema_cross fast=67100.1 slow=67000.2", "close→order ms p50 14.0"):
        assert each in wide


def test_says_first_what_is_wrong():
    text = "\n".join(
        page(
            picture(
                note="the venue does not answer",
                risk_level="NO_ENTRY",
                risk_reason="DAILY_LOSS loss_pct=5.1",
                unknown_orders=2,
                foreign_orders=3,
                overdue=("journal",),
                breakers={"ETH/USDT": "half_open", "BTC/USDT": "closed"},
                symbols=(symbol("ETH/USDT", breaker="half_open"),),
            ),
            250,
        )
    )
    assert "the venue does not answer · DAILY_LOSS loss_pct=5.1 · no progress: journal" in text
    assert "2 orders of unknown outcome · 3 open orders of somebody else on this account · breakers: ETH/USDT" in text
    assert "NO_ENTRY" in text


def test_a_picture_of_a_daemon_that_has_just_begun():
    text = "\n".join(
        page(
            picture(
                state="starting",
                equity=None,
                profit=None,
                realised_profit=None,
                unrealised_profit=None,
                fees=None,
                decisions={},
                symbols=(symbol("BTC/USDT", last_price=None, quote_age_s=None, candle_age_s=None, last_decision=""),),
                positions=(),
                recent_orders=(),
            ),
            100,
        )
    )
    assert "starting" in text
    assert "decisions none yet" in text
    assert "waiting for a candle to close" in text


def test_where_symbols_do_not_fit_those_with_a_problem_or_a_position_stay():
    symbols = tuple(symbol(f"S{number}/USDT") for number in range(100))
    troubled = (*symbols[:90], symbol("S90/USDT", feed="mute"), *symbols[91:])
    lines = page(picture(symbols=troubled, positions=(position("S95/USDT"),)), 80, 24)
    assert len(lines) == 24
    text = "\n".join(lines)
    assert "S90/USDT" in text
    assert "S95/USDT" in text
    assert "more symbols" in text


@given(
    width=st.integers(40, 250),
    height=st.integers(20, 80),
    n_symbols=st.integers(0, 60),
    n_orders=st.integers(0, 10),
    note=st.text(max_size=200),
)
@settings(max_examples=40, deadline=None)
def test_never_wider_or_higher_than_the_terminal(width: int, height: int, n_symbols: int, n_orders: int, note: str):
    status = picture(
        note=note,
        symbols=tuple(symbol(f"S{number}/USDT") for number in range(n_symbols)),
        recent_orders=tuple(order(f"S{number}/USDT") for number in range(n_orders)),
    )
    lines = page(status, width, height)
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


def test_text_of_a_venue_is_shown_as_it_is_and_never_as_markup():
    lines = page(picture(recent_orders=(order("BTC/USDT", reason="[red]x[/red] [-2010]"),), note="[bold]n[/bold]"), 150)
    text = "\n".join(lines)
    assert "[red]x[/red] [-2010]" in text
    assert "[bold]n[/bold]" in text


def test_control_characters_from_outside_never_reach_the_terminal():
    text = "\n".join(page(picture(recent_orders=(order("BTC/USDT", reason="a\x1b[2Jb\nc\x07"),)), 150))
    assert "\x1b" not in text
    assert "a [2Jb c " in text


def test_dust_is_called_so_and_is_no_position_to_watch():
    dust = position("S95/USDT", quantity="0.00004", unrealised_profit="0.01", stop_price=None, is_dust=True)
    symbols = tuple(symbol(f"S{number}/USDT") for number in range(100))
    whole = "\n".join(page(picture(symbols=symbols, positions=(dust,)), 80))
    (line,) = (line for line in whole.splitlines() if "S95/USDT" in line)
    assert line.split()[-2:] == ["dust", "–"]
    assert "S95/USDT" not in "\n".join(page(picture(symbols=symbols, positions=(dust,)), 80, 24))
    (line,) = (line for line in drawn(positions_table([dust]), 100) if "S95/USDT" in line)
    assert "0.00004 " in line
    assert line.rstrip().endswith("dust: too little to sell")


def test_other_tables_show_their_lines():
    assert "67,000.1" in "\n".join(drawn(positions_table([position("BTC/USDT")]), 100))
    assert "m-3f9a2c-1" in "\n".join(drawn(orders_table([order("BTC/USDT")], 150), 150))
    text = "\n".join(drawn(reasons(Why(symbol("BTC/USDT"), (decision("BTC/USDT"),)), 150), 150))
    assert "HOLD fast=67100.1 slow=67000.2" in text
    assert "quote_age_s=0.1" in text
    assert "no decision yet" in "\n".join(drawn(reasons(Why(symbol("BTC/USDT"), ()), 80), 80))


def test_funding_and_liquidation_are_shown_of_perpetuals_only() -> None:
    spot = "\n".join(drawn(positions_table([position("BTC/USDT")]), 120))
    assert "funding" not in spot and "liquidation" not in spot
    short = position("BTC/USDT:USDT", quantity="-0.5", funding="-1.25", liquidation_price="81234.5")
    table = "\n".join(drawn(positions_table([short]), 120))
    assert all(words in table for words in ("funding", "liquidation", "-0.5", "-1.25", "81,234.5"))
    assert "funding" not in "\n".join(drawn(render(picture(), 120), 120))
    assert "funding -3.50" in "\n".join(drawn(render(picture(funding="-3.50"), 120), 120))


def test_a_level_says_why_since_when_and_what_is_left():
    flattening = FlattenProgress("bot", 4, 2.0, 1, (), ("ETH/USDT 0.5",), (), False, "[503] maintenance")
    halted = picture(
        note="",
        risk_level="FLATTEN",
        risk_reason="DAILY_LOSS",
        risk_since_ms=1_750_000_000_000,
        flattening=flattening,
    )
    text = "\n".join(page(halted, 200))
    assert "DAILY_LOSS (since 2025-06-15 15:06:40" in text
    assert "left: ETH/USDT 0.5" in text and "maintenance" in text


def test_orders_stand_by_the_time_that_is_shown():
    orders = [replace(order(name), changed_ms=NOW_MS + ms) for name, ms in (("A/B", 0), ("C/D", 9), ("E/F", 5))]
    shown = "\n".join(drawn(orders_table(orders, 160), 160))
    assert shown.index("C/D") < shown.index("E/F") < shown.index("A/B")


def test_rate_limits_fit_beside_what_else_is_counted():
    used = LimitUse("weight 1m", 5_999, 6_000)
    shown = "\n".join(page(picture(rate_limits=(used,)), 120))
    assert "weight 1m 5,999/6,000" in shown


def test_symbols_whose_models_are_not_trained_are_counted() -> None:
    status = replace(picture(), models={"TRAINED": 3, "BLOCKED_TEMPORARY": 2, "FAILED": 1})
    assert "models: 2 blocked temporary, 1 failed" in " ".join(page(status, 150))
    assert "models:" not in " ".join(page(replace(picture(), models={"TRAINED": 3, "QUEUED": 1}), 150))
