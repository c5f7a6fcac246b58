"""The exchange in process on one core: order events a second, with all checks, fees, balances and market data folded.

An order event is a change in the life of an order as its owner sees it: taken, traded (one for each side), cancelled,
expired. Orders arrive as the server hands them in (decimals), around a price that wanders; about every second one is
cancelled, about a third trade at once. What is measured is the exchange alone, each call's events included; the best of
five rounds, since anything else that runs on the machine only slows.
"""

import gc
import random
import sys
import time
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from benchmarks._daemon import claim

from core.domain.instruments import InstrumentId
from core.domain.orders import OrderType, Side, TimeInForce
from core.simulation.engine.catalogue import instrument
from core.simulation.engine.events import OrderChange, OrderChanged
from core.simulation.engine.exchange import Exchange
from core.simulation.engine.fees import FeeSchedule
from core.simulation.engine.orders import NewOrder, OrderRecord
from core.simulation.engine.symbols import SymbolSpec
from core.simulation.engine.venue import generated_venue

TARGET = 100_000
ORDERS, ACCOUNTS, ROUNDS = 60_000, 20, 5
START_NS = 1_700_000_040_000_000_000
NAMES = [
    InstrumentId(f"{name}/USDT") for name in ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "LTC", "BCH", "ETC")
]


def main() -> int:
    rates = [order_rate(seed=1) for _ in range(ROUNDS)]
    best = max(rates, key=lambda each: each["per_s"])
    status = claim(
        "engine order events a second on one core",
        round(best["per_s"]),
        TARGET,
        best["per_s"] >= TARGET,
        slowest=round(min(each["per_s"] for each in rates)),
        fills=best["fills"],
        orders=ORDERS,
        all_events_per_s=round(best["all_per_s"]),
    )
    cost_us, per_s = market_cost(100, 1 / 3)
    return status | claim(
        "generated market, µs a message at 100 symbols", round(cost_us, 1), 20, cost_us <= 20, events_per_s=round(per_s)
    )


def order_rate(seed: int) -> dict[str, float]:
    """One round over fresh books; CPU time, so that waiting for the core does not count."""
    exchange, flow = prepared(seed)
    live: dict[int, OrderRecord] = {}
    now_ns, n_orders, n_all, n_fills = START_NS, 0, 0, 0
    gc.collect()
    begin = time.process_time()
    for account, order, cancels in flow:
        now_ns += 1_000_000
        events = []
        if cancels and live:
            old = live.popitem()[1]
            events = exchange.cancel(old.account, old.symbol, order_id=old.order_id, now_ns=now_ns)[1]
        events += exchange.submit(account, order, now_ns)[1]
        n_all += len(events)
        for event in events:
            if type(event) is OrderChanged:
                n_orders += 1
                record, change = event.order, event.change
                if change is OrderChange.NEW:
                    live[record.order_id] = record
                elif record.filled == record.quantity or change is not OrderChange.TRADE:
                    live.pop(record.order_id, None)
                n_fills += change is OrderChange.TRADE
    seconds = time.process_time() - begin
    return {"per_s": n_orders / seconds, "all_per_s": n_all / seconds, "fills": n_fills}


def prepared(seed: int) -> tuple[Exchange, list[tuple[str, NewOrder, bool]]]:
    rng = random.Random(seed)
    specs = [SymbolSpec.of(instrument(name), max_open_orders=10**9) for name in NAMES]
    exchange = Exchange(specs, fees=FeeSchedule(), start_ns=START_NS)
    accounts = [f"account-{index}" for index in range(ACCOUNTS)]
    assets = dict.fromkeys([*(spec.base for spec in specs), "USDT"], Decimal(10**9))
    for account in accounts:
        exchange.open_account(account, assets, START_NS)
    middles = {spec.name: {"BTC": 6_000_000, "ETH": 300_000}.get(spec.base, 50_000) for spec in specs}
    flow = []
    for _ in range(ORDERS):
        spec = rng.choice(specs)
        middles[spec.name] += rng.randrange(-3, 4)
        side = rng.choice((Side.BUY, Side.SELL))
        away = round(rng.expovariate(1 / 40)) - 9
        price = spec.price_decimal(middles[spec.name] - away * side.sign)
        smallest = Decimal(10) / price
        lots = max(1, int(smallest / spec.instrument.lot_size)) * rng.randrange(1, 20)
        kind = rng.random()
        order = NewOrder(
            spec.name,
            side,
            OrderType.LIMIT,
            quantity=spec.quantity_decimal(lots),
            price=price,
            time_in_force=TimeInForce.IOC if kind < 0.05 else None,
        )
        flow.append((rng.choice(accounts), order, rng.random() < 0.5))
    return exchange, flow


def market_cost(n_symbols: int, messages_per_s: float) -> tuple[float, float]:
    """µs of CPU a message of the generated market, and its events a CPU second."""
    symbols = [*NAMES, *(InstrumentId(f"SYM{index:03d}/USDT") for index in range(n_symbols - len(NAMES)))]
    venue = generated_venue(symbols, fees=FeeSchedule(), seed=1, start_ns=START_NS, messages_per_s=messages_per_s)
    now_ns, n_events, rounds, costs = venue.start_ns, 0, 30, []
    venue.market.advance(now_ns)
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(20):
            now_ns += 1_000_000_000
            n_events += len(venue.market.advance(now_ns))
        costs.append(time.process_time() - begin)
    per_round = n_symbols * messages_per_s * 20
    return min(costs) / per_round * 1e6, n_events / sum(costs)


if __name__ == "__main__":
    sys.exit(main())
