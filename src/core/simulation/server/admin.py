"""The admin port: the venue's own truth, for judges and operators; no bot looks here.

`GET /health`, `GET /ledger?account=KEY`, `POST /accounts {"key", "secret", "deposit"?: {asset: amount},
"usdmDeposit"?: {asset: amount}}`, `POST /deposits {"account", "asset", "amount", "wallet"?: "spot" or "usdm"}`,
`POST /rights {"account", "reading"?, "trading"?, "withdrawals"?, "ip_restricted"?}` (what is left out is as on a new
key); and `/faults`, which is `faults.fault_requests`' part.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.simulation.engine.amounts import text, to_atoms
from core.simulation.engine.refusals import Refusal
from core.simulation.server import order_payloads
from core.simulation.server.accounts import KEY_FORMAT, AccountRegistry, KeyRights
from core.simulation.server.clock import NS_PER_MS
from core.simulation.server.floor import TradingFloor
from core.simulation.server.store import AccountStore
from core.simulation.server.usdm.ledger import ledger
from core.simulation.server.usdm.side import UsdmSide

_NO_PERPETUALS = "this venue lists no perpetuals; add one to its symbols, such as BTC/USDT:USDT"
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class _NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    key: _Text
    secret: _Text
    deposit: dict[str, str] | None = None
    """`None`: the venue's default deposit."""
    usdmDeposit: dict[str, str] | None = None  # noqa: N815 - as it is spelled in the request
    """Into the wallet for perpetuals; `None`: the default one, where there are perpetuals."""


class _NewDeposit(msgspec.Struct, forbid_unknown_fields=True):
    account: _Text
    asset: _Text
    amount: _Text
    wallet: Literal["spot", "usdm"] = "spot"


class _NewRights(msgspec.Struct, forbid_unknown_fields=True):
    account: _Text
    reading: bool = True
    trading: bool = True
    withdrawals: bool = False
    ip_restricted: bool = False


class AdminFront:
    def __init__(
        self,
        floor: TradingFloor,
        registry: AccountRegistry,
        store: AccountStore,
        default_deposit: Mapping[str, Decimal],
        health: Callable[[], dict[str, object]],
        *,
        usdm: UsdmSide | None = None,
    ) -> None:
        """`usdm` `None`: there are no perpetuals."""
        self._floor = floor
        self._registry = registry
        self._store = store
        self._default_deposit = default_deposit
        self._health = health
        self._usdm = usdm

    def application(self, more: Sequence[Route] = ()) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._get_health),
                Route("/ledger", self._get_ledger),
                Route("/accounts", self._post_account, methods=["POST"]),
                Route("/deposits", self._post_deposit, methods=["POST"]),
                Route("/rights", self._post_rights, methods=["POST"]),
                *more,
            ]
        )

    async def _get_health(self, request: Request) -> Response:
        return _json(self._health())

    async def _get_ledger(self, request: Request) -> Response:
        account = request.query_params.get("account", "")
        if account not in self._registry:
            return _complaint(404, f"no account {account!r}; register it with POST /accounts")
        self._floor.advance()
        await self._store.durable()
        return _json(await asyncio.to_thread(self._ledger, account))

    async def _post_account(self, request: Request) -> Response:
        try:
            made = msgspec.json.decode(await request.body(), type=_NewAccount)
            deposit = dict(self._default_deposit) if made.deposit is None else _amounts(made.deposit)
            usdm_deposit = None if made.usdmDeposit is None else _amounts(made.usdmDeposit)
        except ValueError as error:
            return _complaint(400, f"POST /accounts: {error}")
        if usdm_deposit is not None and self._usdm is None:
            return _complaint(400, f"POST /accounts: usdmDeposit: {_NO_PERPETUALS}")
        if not KEY_FORMAT.match(made.key):
            return _complaint(400, f"POST /accounts: key must match {KEY_FORMAT.pattern}")
        is_new = not self._floor.exchange.has_account(made.key)
        self._floor.open_account(made.key, made.secret, deposit)
        self._registry.register(made.key, made.secret)
        if self._usdm is not None:
            self._usdm.open_account(made.key, usdm_deposit)
        await self._store.durable()
        return _json({"account": made.key, "opened": is_new})

    async def _post_deposit(self, request: Request) -> Response:
        try:
            made = msgspec.json.decode(await request.body(), type=_NewDeposit)
            amount = _amount(made.asset, made.amount)
        except ValueError as error:
            return _complaint(400, f"POST /deposits: {error}")
        if made.account not in self._registry:
            return _complaint(404, f"no account {made.account!r}; register it with POST /accounts")
        if made.wallet == "usdm" and self._usdm is None:
            return _complaint(400, f"POST /deposits: {_NO_PERPETUALS}")
        floor = self._floor if made.wallet == "spot" or self._usdm is None else self._usdm.floor
        try:
            floor.deposit(made.account, made.asset, amount)
        except Refusal as refusal:
            return _complaint(400, f"POST /deposits: {refusal}")
        await self._store.durable()
        return _json({"account": made.account})

    async def _post_rights(self, request: Request) -> Response:
        try:
            made = msgspec.json.decode(await request.body(), type=_NewRights)
        except ValueError as error:
            return _complaint(400, f"POST /rights: {error}")
        if made.account not in self._registry:
            return _complaint(404, f"no account {made.account!r}; register it with POST /accounts")
        rights = KeyRights(made.reading, made.trading, made.withdrawals, made.ip_restricted)
        self._registry.give_rights(made.account, rights)
        return _json({"account": made.account})

    def _ledger(self, account: str) -> dict[str, object]:
        """From the store, so that it shows what is durable and nothing else. Runs in a thread."""
        symbols, books = self._floor.exchange.symbols, self._store.books
        orders = {(order.symbol, order.order_id): order for order in books.orders(account)}
        balances = {row.account: row.balances for row in books.accounts()}.get(account, {})
        return {
            "account": account,
            "balances": {
                asset: {"free": text(free), "locked": text(locked)}
                for asset, (free, locked) in sorted(balances.items())
            },
            "deposits": [
                {"asset": asset, "amount": text(amount), "time": time_ns // NS_PER_MS}
                for asset, amount, time_ns in books.deposits(account)
            ],
            "orders": [order_payloads.order_state(symbols[order.symbol], order) for order in orders.values()],
            "fills": [
                order_payloads.account_trade(symbols[trade.symbol], trade, orders.get((trade.symbol, trade.order_id)))
                | {"clientOrderId": trade.client_order_id}
                for trade in books.trades(account)
            ],
            **({} if self._usdm is None else {"usdm": ledger(books.records, self._usdm.exchange.symbols, account)}),
        }


def _amounts(deposit: Mapping[str, str]) -> dict[str, Decimal]:
    return {asset: _amount(asset, amount) for asset, amount in deposit.items()}


def _amount(asset: str, amount: str) -> Decimal:
    try:
        value = Decimal(amount)
        to_atoms(value)
    except (InvalidOperation, ValueError):
        raise ValueError(f"{asset}: {amount!r} is not an amount with at most 8 decimals") from None
    return value


def _json(payload: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(payload), status, media_type="application/json")


def _complaint(status: int, message: str) -> Response:
    return _json({"error": message}, status)
