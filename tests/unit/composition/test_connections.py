"""A connection that says nothing is noticed while the others talk: from the venue's settings to the cure."""

import dataclasses
from pathlib import Path

from core.compute.computer import AsyncFeatureComputer
from core.desk import TradingDesk
from core.domain.candles import Timeframe
from core.domain.instruments import Instrument, InstrumentId
from core.domain.market import QuoteChanged, StreamRestored
from core.listing import Listing
from core.market.feed_states import Reconnect
from core.paper_venue import ForwardedStreams
from core.risk.gate import RiskState
from core.runtime.clocks import VirtualClock
from core.runtime.systemd import ServiceNotifier
from core.runtime.watchdog import Watchdog
from core.settings.load import load_settings
from core.strategies.plans import StrategyPlan, plan_symbols
from core.strategies.spec import StrategyDescription, StrategySpec
from core.venues.adapter import VenueAdapter, build_adapter
from unit.instruments import spot

SYMBOLS = tuple(InstrumentId(f"S{number}/USDT") for number in range(10))
FIRST, SECOND = SYMBOLS[:8], SYMBOLS[8:]
"""What fits on a connection of 16 streams, two an instrument, and the rest."""


def desk_on(adapter: VenueAdapter, clock: VirtualClock, data_dir: Path) -> TradingDesk:
    given = {"trading": {"mode": "observe", "symbols": list(SYMBOLS)}, "storage": {"data_dir": str(data_dir)}}
    settings = load_settings(arguments=given).settings
    description = StrategyDescription("scripted", Timeframe.M1, warmup=2, window=10, parameters={})
    listed = {symbol: spot(symbol) for symbol in SYMBOLS}

    async def nothing_new() -> dict[InstrumentId, Instrument]:
        return listed

    return TradingDesk(
        settings,
        adapter,
        Listing(listed, SYMBOLS, nothing_new, clock, look_every_s=1_800.0),
        plan_symbols([StrategyPlan(StrategySpec("scripted", SYMBOLS), description)]),
        account="none",
        risk_state=RiskState(),
        keep_risk_state=lambda state: None,
        computer=AsyncFeatureComputer(settings.compute),
        watchdog=Watchdog(clock, ServiceNotifier({}), loop_limit_s=5.0),
        clock=clock,
        monotonic=clock,
    )


def cures_while_only_the_second_talks(desk: TradingDesk, clock: VirtualClock) -> list[object]:
    market = desk.parts.market
    market.apply(StreamRestored(SYMBOLS, clock.now_ns()))
    cures: list[object] = []
    for number in range(25):
        clock.jump(1.0)
        for symbol in SECOND:
            market.apply(QuoteChanged(symbol, 1.0, 1.0, 2.0, 1.0, number, None, clock.now_ns()))
        cures += market.check(clock.now_ns())
    return cures


def test_a_silent_connection_is_dialled_again_while_the_other_talks(tmp_path: Path) -> None:
    clock = VirtualClock(1_800_000_000 * 1_000_000_000)
    venue = {"venue": {"name": "binance", "max_streams_per_connection": 16}}
    plain = build_adapter(load_settings(arguments=venue).settings.venue, clock, clock)
    forwarded = dataclasses.replace(
        plain, streams=lambda wanted: ForwardedStreams(plain.streams(wanted), lambda event: None)
    )
    for name, adapter in (("plain", plain), ("forwarded", forwarded)):
        desk = desk_on(adapter, clock, tmp_path / name)
        try:
            assert Reconnect(FIRST) in cures_while_only_the_second_talks(desk, clock)
        finally:
            desk.close()
