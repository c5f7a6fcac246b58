"""A daemon's view with fixed pictures, and a server of it on a free port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from core.api.answers import Why
from core.api.happenings import Happenings
from core.api.live_measures import distribution
from core.api.server import ApiServer, Question
from core.api.web.serving import serve
from core.domain.commands import (
    AmendOrder,
    AmendReport,
    ClosePosition,
    Command,
    CommandRefused,
    EndPlan,
    ForgetOperations,
    Forgotten,
    KillSwitchStatus,
    PausedSymbols,
    PauseSymbol,
    ReloadAnswer,
    ReloadSettings,
    ResolveOrder,
    ResumeSymbol,
    UnknownOrder,
)
from core.domain.facts import OrderView, PlanView
from core.domain.measures import FeedMeasure, Measures, OperationDone, OperationMeasure, QueueMeasure
from core.domain.pictures import CandlesShown, FeedLine, LogLine, ModelsShown
from core.domain.status import DaemonStatus, DecisionLine, OrderStatusLine
from core.domain.tickets import CancelOrder, PlaceOrder
from core.runtime.histogram import Histogram
from core.settings.api import ApiSettings
from unit.cli.pictures import NOW_MS, decision, order, picture
from unit.execution import making


class FixedView:
    """What the API asks, answered from attributes that a test may set."""

    def __init__(self) -> None:
        self.picture = picture()
        self.order_lines = (order("BTC/USDT"), order("ETH/USDT"))
        self.decision_lines = tuple(decision(each.symbol) for each in self.picture.symbols)

    def status(self) -> DaemonStatus:
        return self.picture

    async def status_in_turns(self) -> DaemonStatus:
        return self.picture

    def why(self, symbol: str, limit: int) -> Why:
        now = next(each for each in self.picture.symbols if each.symbol == symbol)
        return Why(now, self.decisions(symbol, limit))

    def orders(self) -> tuple[OrderStatusLine, ...]:
        return self.order_lines

    def decisions(self, symbol: str | None, limit: int) -> tuple[DecisionLine, ...]:
        return tuple(each for each in self.decision_lines if symbol in (None, each.symbol))[:limit]


class FixedControls:
    """Takes every command and answers with what a test may set; `refusal` refuses them all."""

    def __init__(self) -> None:
        self.taken: list[Command] = []
        self.standing = KillSwitchStatus("NORMAL", "", None)
        self.refusal: str | None = None
        self.ticket: PlaceOrder | None = None
        self.cancelled: CancelOrder | None = None
        self.order = making.order(strategies=("manual",)).view()
        self.amended: AmendReport | None = None
        """`None`: no such order."""
        self.amendments: list[AmendOrder] = []
        self.others: list[ClosePosition | PauseSymbol | ResumeSymbol | ReloadSettings] = []
        self.reload_answer = ReloadAnswer((), ())

    def status(self) -> KillSwitchStatus:
        return self.standing

    async def command(self, command: Command) -> KillSwitchStatus:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        self.taken.append(command)
        return self.standing

    async def resolve(self, command: ResolveOrder) -> OrderView:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        raise UnknownOrder(f"no order {command.client_order_id}")

    async def place(self, ticket: PlaceOrder) -> tuple[OrderView, bool]:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        ticket.check()
        is_repeated, self.ticket = self.ticket == ticket, ticket
        return self.order, is_repeated

    async def cancel(self, command: CancelOrder) -> OrderView:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        if command.client_order_id != self.order.client_order_id:
            raise UnknownOrder(f"no order {command.client_order_id}")
        self.cancelled = command
        return self.order

    async def end_plan(self, command: EndPlan) -> PlanView:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        raise UnknownOrder(f"no plan {command.plan_id}")

    async def amend(self, command: AmendOrder) -> AmendReport:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        if self.amended is None:
            raise UnknownOrder(f"no order {command.client_order_id}")
        self.amendments.append(command)
        return self.amended

    async def close(self, command: ClosePosition) -> tuple[str, OrderView]:
        self._take(command)
        return "close-1", self.order

    async def pause(self, command: PauseSymbol) -> PausedSymbols:
        self._take(command)
        return PausedSymbols({command.symbol: command.reason})

    async def resume(self, command: ResumeSymbol) -> PausedSymbols:
        self._take(command)
        return PausedSymbols({})

    async def reload(self, command: ReloadSettings) -> ReloadAnswer:
        self._take(command)
        return self.reload_answer

    async def forget(self, command: ForgetOperations) -> Forgotten:
        return Forgotten(3)

    def _take(self, command: ClosePosition | PauseSymbol | ResumeSymbol | ReloadSettings) -> None:
        if self.refusal is not None:
            raise CommandRefused(self.refusal)
        self.others.append(command)


_LAG = Histogram()
for _ms in (1, 4, 40):
    _LAG.record_ns(_ms * 1_000_000)
MEASURES = Measures(
    lag=distribution(_LAG),
    decision=distribution(_LAG),
    order=distribution(_LAG),
    round_trip=distribution(_LAG),
    gc_pause=distribution(_LAG),
    operations=(OperationMeasure("features", 10, 1, 120.0),),
    queues=(QueueMeasure("data", 3, 1_000, 0.5),),
    feeds=(FeedMeasure("BTC/USDT", "candles", 1.5, True), FeedMeasure("ETH/USDT", "quotes", None, False)),
    descriptors=30,
    tasks=12,
    threads=9,
    drawdown_pct=2.0,
    day_loss_pct=None,
    exposure=1_234.5,
    reconciliation_breaks=1,
    log_lines_dropped=0,
    events_dropped=0,
    models=ModelsShown({"sim 1m BTC/USDT": "v1"}, loads=2, swaps=1, refusals=1, last_refusal="cut off"),
)
DONE = tuple(OperationDone("features", NOW_MS + 10 * n, float(n), n != 3) for n in range(10))
QUESTIONS: dict[str, Question] = {
    "measures": lambda: MEASURES,
    "operations": lambda last_n: DONE[::-1][:last_n],
    "queue_size": lambda: 1_000,
    "fills": lambda limit: (),
    "models": lambda: ModelsShown({"sim 1m BTC/USDT": "v1"}, loads=1, swaps=1),
    "feeds": lambda: (FeedLine("BTC/USDT", "candles", "live", 1.5, 0.1, False, 0),),
    "logs": lambda limit: (LogLine("a line"),),
    "settings": lambda: {"api": {"port": 0}},
    "candles": lambda symbol, timeframe, limit: CandlesShown(symbol, timeframe or "1m", (), None),
}
"""What the API asks beside the view, with fixed answers."""


async def in_this_process(listener: socket.socket, link_end: socket.socket) -> None:
    """Serves as the child process does."""
    own_listener, own_end = listener.dup(), link_end.dup()
    served = asyncio.create_task(serve(own_listener, own_end))
    try:
        await asyncio.shield(served)
    finally:
        await _accepted(own_listener)
        served.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await served
        own_listener.close()
        own_end.close()


async def _accepted(listener: socket.socket) -> None:
    """Whoever is being accepted: asyncio forgets the sockets of those when its server closes at that moment, where the
    child's uvloop does not."""
    asyncio.get_running_loop().remove_reader(listener)
    await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(
    view: FixedView,
    data_dir: Path,
    settings: ApiSettings | None = None,
    controls: FixedControls | None = None,
    happenings: Happenings | None = None,
    silent_after_s: float = 60.0,
    ledger: Path | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the right token; the server ends with the context."""
    settings = settings or ApiSettings(port=0)
    server = ApiServer(
        settings,
        data_dir,
        view,
        controls or FixedControls(),
        silent_after_s=silent_after_s,
        questions=QUESTIONS,
        happenings=happenings,
        picture_every_s=0.02,
        launch=in_this_process,
        ledger=ledger,
    )
    server.bind()
    running = asyncio.create_task(server.run())
    try:
        port = await written(data_dir / "api.port")
        token = settings.token.get_secret_value() if settings.token else await written(data_dir / "api.token")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False, timeout=10
        ) as client:
            assert (await client.get("/health/live")).status_code == 200  # it serves from now on
            yield client
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        server.close()


async def written(file: Path) -> str:
    """The file's content once it is there."""
    async with asyncio.timeout(10):
        while not file.exists():
            await asyncio.sleep(0.005)
    return file.read_text().strip()
