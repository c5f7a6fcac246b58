"""One life of a small trading program: recover, trade a script of intents, say what is known. May die on the way.

    python -m tests.integration.execution.life '{"url": …, "ws_url": …, "key": …, "folder": …, "deeds": […], "die":
    "place:after:2"}'

`deeds` are `in:SYMBOL:QUANTITY`, `bracket:SYMBOL:QUANTITY` (with a target, too), `rest:SYMBOL:QUANTITY` (a limit order
far below), `late:SYMBOL:QUANTITY` (its stop's time has come already), `out:SYMBOL:QUANTITY`, `calm` (wait until every
position has all that it is owed), `stay` (say so, and live on until killed). `die` names a port's call, the
side of it, and the how many-th: there the process kills itself with SIGKILL. Prints one JSON line at the end.
"""

import asyncio
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.compute.lanes import Lane
from core.domain.facts import ExecutionFact, FillBooked, OrderState
from core.domain.instruments import Instrument, InstrumentId, InstrumentKind
from core.domain.money import Rounding, to_price
from core.domain.orders import IntentId, Leg, OrderType, Proposal, Protection, Purpose, Side, TimeInForce
from core.execution.client_order_id import client_order_id
from core.execution.executor import OrderExecutor
from core.execution.journal.identity import JournalIdentity
from core.risk.approval import ApprovedIntent
from core.runtime.clocks import SystemMonotonicClock
from core.runtime.synced_clock import SyncedClock
from core.settings.execution import ExecutionSettings
from core.settings.venue import VenueSettings
from core.venues.adapter import build_adapter
from tests.mortal import Fate, MortalJournal, MortalVenue

SETTINGS = ExecutionSettings(enquiry_first_s=0.02, enquiry_max_s=0.2, recovery_wait_s=20.0)


class Life:
    def __init__(self, orders: dict[str, Any]) -> None:
        self._orders = orders
        self._monotonic = SystemMonotonicClock()
        self._clock = SyncedClock(self._monotonic)
        venue_settings = VenueSettings(
            name="binance",
            base_url=orders["url"],
            ws_base_url=orders["ws_url"],
            api_key=SecretStr(orders["key"]),
            secret=SecretStr("the-secret"),
        )
        kind = InstrumentKind(orders.get("kind", InstrumentKind.SPOT))
        self._adapter = build_adapter(venue_settings, self._clock, self._monotonic, kind=kind)
        fate = Fate(orders.get("die"))
        identity, folder = JournalIdentity("paper", "sim", "main"), Path(orders["folder"])
        self._journal = MortalJournal(identity, data_dir=folder, snapshot_every=10)
        self._journal.fate = fate
        self._lane = Lane("order", 4)
        self._instruments: dict[InstrumentId, Instrument] = {}
        self._fills: list[str] = []
        self._executor = OrderExecutor(
            venue=MortalVenue(self._adapter.rest, fate),
            run_in_lane=self._lane.run,
            journal=self._journal,
            publish=self._on_fact,
            still_valid=lambda *_: None,
            instruments=lambda: self._instruments,
            trading_clock=self._clock,
            monotonic_clock=self._monotonic,
            settings=SETTINGS.model_copy(update=orders.get("settings", {})),
        )

    async def live(self) -> dict[str, Any]:
        await self._learn_the_venue()
        report = await self._executor.recover()
        user_stream = self._adapter.user_stream
        assert user_stream is not None
        tasks = [
            asyncio.create_task(self._executor.run()),
            asyncio.create_task(user_stream.run(self._executor.on_user_event)),
        ]
        await self._until(lambda: self._executor.statistics().phase == "running")
        for n, deed in enumerate(self._orders["deeds"]):
            await self._do(n, deed)
        await self._until(lambda: self._executor.statistics().unknown == 0)
        await self._executor.reconcile()
        state = await self._journal.load()
        said = {
            "orders": {
                one.client_order_id: [one.state.value, str(one.booked_quantity), one.purpose.value]
                for one in state.orders
            },
            "bookings": state.ledger.n_fills + state.ledger.n_foreign_fills,
            "published": self._fills,
            "duties": [[one.instrument, one.held, one.covered, one.note] for one in self._executor.statistics().duties],
            "oddities": self._executor.statistics().oddities,
            "lost_track_of": report.lost_track_of,
            "recovery_s": report.duration_s,
            "unprotected_ms": self._executor.statistics().unprotected_ms.max,
        }
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._journal.close()
        self._adapter.close()
        self._lane.close()
        return said

    async def _learn_the_venue(self) -> None:
        rest = self._adapter.rest
        for _ in range(3):
            sent_ns = self._monotonic.now_ns()
            server_ms = await asyncio.to_thread(rest.server_time_ms)
            self._clock.observe(server_ms, sent_ns, self._monotonic.now_ns(), declared_speed=rest.clock_speed())
        self._instruments = await asyncio.to_thread(rest.instruments)

    async def _do(self, n: int, deed: str) -> None:
        if deed == "stay":
            sys.stdout.write("staying\n")
            sys.stdout.flush()
            await asyncio.Event().wait()
        if deed == "calm":
            await self._until(self._is_calm)
            return
        kind, what = deed.split(":", 1)
        symbol, quantity = what.rsplit(":", 1)
        instrument = self._instruments[InstrumentId(symbol)]
        book = await asyncio.to_thread(self._adapter.rest.order_book, instrument.id, 5)
        price = book.bids[0][0]
        stop = 1.05 if kind == "late" else 0.6
        leg = Leg(instrument.id, Side.SELL if kind == "out" else Side.BUY, Decimal(quantity), OrderType.MARKET)
        target = to_price(price * 1.4, instrument, Rounding.DOWN) if kind == "bracket" else None
        if kind == "rest":
            low = to_price(price * 0.9, instrument, Rounding.DOWN)
            leg = Leg(instrument.id, Side.BUY, Decimal(quantity), OrderType.LIMIT, low, None, TimeInForce.GTC)
        proposal = Proposal(
            intent_id=IntentId(f"{self._orders['name']}-{n}"),
            purpose=Purpose.EXIT if kind == "out" else Purpose.ENTRY,
            legs=(leg,),
            strategies=("script",),
            cycle=f"script|{symbol}|1m|{n}",
            created_ns=self._clock.now_ns(),
            reference_price=Decimal(repr(price)),
            protection=None if kind == "out" else Protection(to_price(price * stop, instrument, Rounding.DOWN), target),
            reason="as the script says",
        )
        self._executor.submit(ApprovedIntent(proposal, 2**62, 1))
        sent = client_order_id(proposal.intent_id, "leg-0")
        await self._until(lambda: self._has_answer(sent))

    def _is_calm(self) -> bool:
        statistics = self._executor.statistics()
        is_kept = all(not duty.note and not duty.is_target_watched for duty in statistics.duties)
        return not statistics.unknown and is_kept

    def _has_answer(self, sent: str) -> bool:
        statistics = self._executor.statistics()
        order = self._executor.order(sent)
        is_known = order is None or order.state not in (OrderState.INTENDED, OrderState.SUBMITTING)
        return not statistics.queue_depth and not statistics.in_flight and is_known

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.002)

    def _on_fact(self, fact: ExecutionFact) -> None:
        if isinstance(fact, FillBooked):
            self._fills.append(f"{fact.fill.instrument_id} {fact.fill.trade_id}")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(Life(json.loads(sys.argv[1])).live())) + "\n")
