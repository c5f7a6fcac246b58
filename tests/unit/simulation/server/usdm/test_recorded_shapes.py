"""Frames of USD-M beside what the real venue sent: the same keys in the same order, with the same types."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from core.simulation.engine.events import Candle, OrderChange, Trade
from core.simulation.engine.intervals import Interval
from core.simulation.engine.perpetual.contracts import LARGE, Contract
from core.simulation.engine.perpetual.events import (
    AccountChanged,
    AccountReason,
    AlgoOrderChanged,
    MarkPriceChanged,
    PerpetualOrderChanged,
    PositionState,
    WalletState,
)
from core.simulation.engine.perpetual.orders import (
    AlgoOrderRecord,
    AlgoStatus,
    ConditionalType,
    MarginType,
    PerpetualOrderRecord,
    PerpetualTrade,
    PositionSide,
    WorkingType,
)
from core.simulation.engine.perpetual.views import AccountView, AssetView, PositionView
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.views import AggregateTrade, Best, Ticker
from core.simulation.server.market_frames import BookDiff
from core.simulation.server.usdm import (
    account_payloads,
    exchange_info,
    market_frames,
    order_payloads,
    user_frames,
)
from core.simulation.server.usdm.mark_publisher import mark_price
from tests.unit.instruments import perpetual
from tests.unit.simulation.server.test_recorded_shapes import shape

SPEC = SymbolSpec.of(perpetual(lot_size=Decimal("0.001"), min_quantity=Decimal("0.001")))
CONTRACT = Contract.of(SPEC, table=LARGE)
SYMBOLS = {SPEC.name: SPEC}
MS = 1_000_000


@pytest.fixture(scope="module")
def payloads(recorded_data: Path) -> Path:
    return recorded_data / "nautilus/payloads/binance/test_data/futures"


def order(**changes: Any) -> PerpetualOrderRecord:
    fields: dict[str, Any] = {
        "account": "alice",
        "symbol": SPEC.name,
        "order_id": 8_886_774,
        "client_order_id": "TEST",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price": 710_050,
        "stop_price": 0,
        "quantity": 2,
        "quote_quantity": 0,
        "filled": 1,
        "filled_quote": 710_050_000,
        "status": OrderStatus.PARTIALLY_FILLED,
        "is_working": True,
        "created_ns": 5 * MS,
        "updated_ns": 6 * MS,
        "working_ns": 5 * MS,
        "position_side": PositionSide.LONG,
        "reduce_only": False,
        "close_position": False,
        "good_till_ns": 0,
        "algo_id": 0,
        "conditional_type": None,
        "is_liquidation": False,
    }
    return PerpetualOrderRecord(**{**fields, **changes})


FILL = PerpetualTrade(
    account="alice",
    symbol=SPEC.name,
    trade_id=12_345_678,
    order_id=8_886_774,
    client_order_id="TEST",
    side=Side.BUY,
    price=710_050,
    quantity=1,
    quote=710_050_000,
    fee=1_000_000,
    fee_asset="USDT",
    is_maker=True,
    time_ns=6 * MS,
    position_side=PositionSide.LONG,
    realised=1_234_000_000,
)
ALGO = AlgoOrderRecord(
    account="alice",
    symbol=SPEC.name,
    algo_id=2_148_719,
    client_algo_id="stop-1",
    side=Side.SELL,
    position_side=PositionSide.BOTH,
    order_type=ConditionalType.TAKE_PROFIT,
    time_in_force=TimeInForce.GTC,
    quantity=10,
    price=75_000,
    trigger_price=75_000,
    activation_price=0,
    callback_millionths=0,
    working_type=WorkingType.CONTRACT_PRICE,
    reduce_only=False,
    close_position=False,
    good_till_ns=0,
    status=AlgoStatus.NEW,
    reason="",
    order_id=0,
    extreme=0,
    created_ns=5 * MS,
    updated_ns=5 * MS,
    triggered_ns=0,
)
POSITION = PositionView(
    symbol=SPEC.name,
    side=PositionSide.BOTH,
    lots=-14,
    entry_price=5_000_000_000_000,
    break_even_price=5_001_000_000_000,
    mark_price=5_100_000_000_000,
    liquidation_price=4_500_000_000_000,
    notional=-71_400_000_000,
    unrealised=100_000_000,
    realised=0,
    leverage=20,
    margin_type=MarginType.CROSSED,
    isolated_wallet=0,
    isolated_margin=0,
    initial_margin=1,
    position_initial_margin=1,
    open_order_initial_margin=0,
    maintenance_margin=1,
    bid_notional=0,
    ask_notional=0,
    max_notional=25_000_000_000_000,
    updated_ns=5 * MS,
)
WALLET = AssetView(
    asset="USDT",
    wallet=2_372_469_206,
    cross_wallet=2_372_469_206,
    unrealised=0,
    cross_unrealised=0,
    margin_balance=2_372_469_206,
    initial_margin=0,
    position_initial_margin=0,
    open_order_initial_margin=0,
    maintenance_margin=0,
    available=2_372_469_206,
    max_withdraw=2_372_469_206,
    updated_ns=5 * MS,
)


def market_events() -> Iterator[tuple[str, Any]]:
    trade = Trade(1, 5 * MS, SPEC.name, 7, 3, 710_050, 14, buyer_is_maker=True)
    yield "trade_stream", market_frames.trade(SPEC, trade, 6)
    joined = AggregateTrade(3, 710_050, 14, 7, 8, 5 * MS, buyer_is_maker=True)
    yield "agg_trade_stream", market_frames.aggregate_trade(SPEC, joined, 6)
    yield "book_ticker_stream", market_frames.book_ticker(SPEC, Best(9, 1, 2, 3, 4), 5, 6)
    diff = BookDiff(157, 160, {710_050: 0}, {710_060: 3}, 5 * MS)
    yield "depth_update_stream", market_frames.depth_update(SPEC, diff, 6)
    candle = Candle(0, 59_999, 1, 2, 1, 2, 10, 20, 3, 5, 10, 7, 9)
    yield "kline_stream_closed", market_frames.kline(SPEC, Interval.M1, candle, closed=True, event_ms=6)
    ticker = Ticker(SPEC.name, 1, 2, 3, 4, 2, 3, 1, 3, 10, 20, 3, 7, 9)
    yield "ticker_stream", market_frames.full_ticker(SPEC, ticker, Best(9, 1, 2, 3, 4), 6)
    mark = MarkPriceChanged(1, 5 * MS, SPEC.name, 710_050_000_000, 710_060_000_000, 710_050_000_000, 38_167, 9 * MS)
    yield "mark_price_stream", mark_price(mark, 6)
    liquidated = order(is_liquidation=True, status=OrderStatus.FILLED)
    event = PerpetualOrderChanged(1, 5 * MS, OrderChange.TRADE, liquidated, FILL)
    assert user_frames.is_liquidation_report(event)
    yield "liquidation_stream", user_frames.forced_order(SPEC, event, 6)


def decoded(payload: Any) -> Any:
    return msgspec.json.decode(payload if isinstance(payload, bytes) else msgspec.json.encode(payload))


def test_market_events_are_shaped_as_documented(payloads: Path) -> None:
    compared = 0
    for name, payload in market_events():
        ours = decoded(payload)
        documented = json.loads((payloads / f"market_data_json/{name}.json").read_text())
        if name == "trade_stream":  # recordings of the venue itself have these two, the document lacks them
            assert {ours.pop("T"), ours.pop("X")} == {5, "MARKET"}
            del documented["T"]
        if name not in ("trade_stream", "liquidation_stream"):
            assert list(ours) == list(documented), name
        assert shape(ours) == shape(documented), name
        compared += 1
    assert compared == 8


def private_events() -> Iterator[tuple[str, Any]]:
    placed = PerpetualOrderChanged(1, 5 * MS, OrderChange.NEW, order())
    yield "order_update_new", user_frames.order_update(SPEC, placed, 6)
    filled = PerpetualOrderChanged(1, 5 * MS, OrderChange.TRADE, order(), FILL)
    yield "order_update_trade", user_frames.order_update(SPEC, filled, 6)
    yield "trade_lite", user_frames.trade_lite(SPEC, filled, 6)
    yield "algo_update_new", user_frames.algo_update(SPEC, AlgoOrderChanged(1, 5 * MS, ALGO), 6)
    changed = AccountChanged(
        1,
        5 * MS,
        "alice",
        AccountReason.ORDER,
        (WalletState("USDT", 12, 10, 5),),
        (PositionState(SPEC.name, PositionSide.BOTH, -14, 1, 2, 3, 4, MarginType.ISOLATED, 5),),
    )
    yield "account_update", user_frames.account_update(SYMBOLS, changed, 6)


def test_private_events_are_shaped_as_documented(payloads: Path) -> None:
    compared = 0
    for name, payload in private_events():
        ours = decoded(payload)
        documented = json.loads((payloads / f"user_data_json/{name}.json").read_text())
        if name.startswith("order_update"):  # newer fields than the document has
            assert (ours["o"].pop("pm"), ours["o"].pop("gtd")) == ("NONE", 0)
        assert shape(ours) == shape(documented), name
        compared += 1
    assert compared == 5


def test_a_liquidation_is_told_as_one(payloads: Path) -> None:
    event = PerpetualOrderChanged(1, 5 * MS, OrderChange.TRADE, order(is_liquidation=True), FILL)
    documented = json.loads((payloads / "user_data_json/order_update_calculated.json").read_text())
    ours: Any = user_frames.order_update(SPEC, event, 6)
    assert ours["o"]["x"] == documented["o"]["x"] == "CALCULATED"


def answers() -> Iterator[tuple[str, Any]]:
    yield "order_response", order_payloads.order_state(SPEC, order())
    yield "balance", [account_payloads.balance(WALLET)]
    yield "position_risk", [account_payloads.position_risk_v2(SPEC, POSITION)]
    view = AccountView(account="alice", is_hedged=False, assets=(WALLET,), positions=(POSITION,))
    yield "account_info_v2", account_payloads.account_v2(view, [account_payloads.account_position_v2(SPEC, POSITION)])


def test_answers_are_shaped_as_documented(payloads: Path) -> None:
    compared = 0
    for name, payload in answers():
        ours, documented = decoded(payload), json.loads((payloads / f"http_json/{name}.json").read_text())
        if name == "account_info_v2":  # the document leaves these three out
            for newer in ("breakEvenPrice", "notional", "isolatedWallet"):
                del ours["positions"][0][newer]
        assert shape(ours) == shape(documented), name
        compared += 1
    assert compared == 4


def test_a_conditional_order_says_what_the_venues_does(payloads: Path) -> None:
    documented = json.loads((payloads / "http_json/open_algo_orders.json").read_text())[0]
    ours = decoded(order_payloads.algo_state(SPEC, ALGO, None))
    ours["type"] = ours.pop("orderType")  # its name in the venue's documentation
    assert {key: shape(ours[key]) for key in documented} == shape(documented)


def test_exchange_info_is_shaped_as_recorded(recorded_data: Path) -> None:
    text = (recorded_data / "cryptofeed/BINANCE_FUTURES.0").read_text()
    recorded = json.loads(text[text.index('{"timezone"') :].splitlines()[0])
    ours = decoded(exchange_info.exchange_info([CONTRACT], [], 5))
    assert shape(ours["assets"]) == shape(recorded["assets"])
    assert {key: shape(value) for key, value in ours.items() if key not in ("symbols", "rateLimits")} == {
        key: shape(value) for key, value in recorded.items() if key not in ("symbols", "rateLimits")
    }
    mine, theirs = ours["symbols"][0], recorded["symbols"][0]
    assert mine.pop("maxMoveOrderLimit")
    mine_filters, their_filters = mine.pop("filters"), theirs.pop("filters")
    assert {key: shape(value) for key, value in mine.items()} == {key: shape(value) for key, value in theirs.items()}
    assert [shape(each) for each in mine_filters] == [shape(each) for each in their_filters]
