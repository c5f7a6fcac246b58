"""A venue that can be told to fail, a real daemon that trades on it, and whether all is as it must be between them."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from integration.cli.daemon_process import Line
from integration.daemon.agreement import journal_file
from integration.daemon.bot import Bot
from tests.chaos.bare_times import Rules
from tests.chaos.judge import Journal, Json, judge, rules_of
from tests.faults.restless import write_restless
from tests.venues import VenueProcess

CANDLE_MS = 60_000
PATIENT_FOR_S = 240.0
"""How long a test waits for the daemon to be right again before it calls that a failure."""
BLIND = (
    *("CANDLE_", "STALE_", "QUOTE_", "BALANCE_", "EQUITY_", "MARK_", "CYCLE_", "SYMBOL_", "BREAKER_", "ANALYSIS_"),
    "INSTRUMENT_",
)
"""How the reasons begin of a daemon that does not see its market."""
_DUST_USD = Decimal(6)
"""Below the least that the venue lets be sold (5 USDT), with a little for the price to move."""

SETTINGS = {
    "TRADING__STRATEGIES": '[{"use": "restless"}]',
    # The patience of a daemon whose venue has 60 seconds in a real one.
    "VENUE__REQUEST_TIMEOUT_S": "1",
    "VENUE__STALE_STREAM_S": "2",
    "EXECUTION__ORDER_DEADLINE_S": "2",
    "EXECUTION__ENQUIRY_FIRST_S": "0.01",
    "EXECUTION__RECONCILE_S": "5",
    "VENUE__INSTRUMENTS_EVERY_S": "3",
    # Limits that a venue in trouble reaches by itself; they have tests of their own.
    "RISK__MAX_ORDER_ERRORS_PCT": "null",
    "RISK__MAX_DAILY_LOSS_PCT": "null",
    "RISK__MAX_DRAWDOWN_PCT": "null",
}


class Faults:
    """The venue's admin port, as far as faults go."""

    def __init__(self, venue: VenueProcess) -> None:
        self._venue = venue

    def arm(self, **entry: Any) -> Json:
        return self._venue.admin("/faults", entry)

    def end(self, *path: str) -> None:
        """One by its id, `schedule`, or all that are at work. Nothing happens where it is over already."""
        url = "/".join((f"{self._venue.admin_url}/faults", *path))
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise

    def at_work(self) -> list[Json]:
        found: list[Json] = self._venue.admin("/faults")["faults"]
        return found

    def log(self, after: int = 0) -> list[Json]:
        entries: list[Json] = self._venue.admin(f"/faults/log?after={after}")["entries"]
        return entries


class Stage:
    """`account` is opened with the venue's default deposit. The daemon runs until `close`."""

    def __init__(
        self,
        venue: VenueProcess,
        folder: Path,
        *,
        symbols: Sequence[str],
        account: str,
        url: str | None = None,
        wait: bool = True,
        prefix: tuple[str, ...] = (),
        **variables: str,
    ) -> None:
        """`url`: where the daemon finds the venue; `None`: where it is. `wait`: until it trades, and hears its market.
        `prefix`: before the daemon's command."""
        self.venue = venue
        self.faults = Faults(venue)
        self.symbols = tuple(symbols)
        self.account = account
        self._credentials = venue.register(account)
        self._rules: dict[str, Rules] = {}
        write_restless(folder / "strategies")
        given = {
            **SETTINGS,
            "TRADING__SYMBOLS": json.dumps(self.symbols),
            "VENUE__BASE_URL": url or venue.url,
            "VENUE__WS_BASE_URL": (url or venue.url).replace("http", "ws", 1),
            "VENUE__API_KEY": self._credentials.api_key,
            "VENUE__SECRET": self._credentials.secret,
            **variables,
        }
        self.bot = Bot(folder, prefix=prefix, **given)
        if wait:
            try:
                self.bot.next("trading", timeout_s=PATIENT_FOR_S)
                self.bot.until(self._hears_its_market, PATIENT_FOR_S)
            except BaseException:  # whatever it was: nobody else knows of the daemon yet
                self.close()
                raise

    @property
    def journal(self) -> Path:
        return journal_file(self.bot.data_dir)

    def rules(self) -> dict[str, Rules]:
        """As the venue lists them now."""
        return rules_of(self._get("/api/v3/exchangeInfo"))

    def ledger(self) -> Json:
        return self.venue.ledger(self._credentials)

    def verdict(self, marks: Sequence[Json] = ()) -> Json:
        """The judge's, who knows nothing of the bot; of an account that is still."""
        self._rules = self._rules or self.rules()
        speed = float(self.bot.status()["clock_speed"])
        return judge(self.ledger(), Journal(self.journal), rules=self._rules, marks=marks, speed=speed)

    def amiss(self, since: int = 0) -> str:
        """What is not (yet) as it must be, in words; empty when all is: the judge finds nothing, the daemon trades, is
        in doubt of nothing, knows what it holds, has it under its stops, and sees its market in cycles after the
        log's line number `since`. For a daemon that holds still."""
        status = self.bot.status()
        said = [
            f"state {status['state']}" if status["state"] != "trading" else "",
            f"{status['unknown_orders']} unknown orders" if status["unknown_orders"] else "",
            str(status["note"]),
            f"level {status['risk_level']} {status['risk_reason']}" if status["risk_level"] != "NORMAL" else "",
            self._deaf(),
            self._blind(since),
            *(f"{each['symbol']} is {each['feed']}" for each in status["symbols"] if each["feed"] != "live"),
        ]
        said += [str(found) for found in self.verdict()["findings"]] or self._holdings()
        return "; ".join(filter(None, said))

    def right_again(self, since: int, timeout_s: float = PATIENT_FOR_S) -> float:
        """Real seconds until nothing is amiss."""
        began_s = time.monotonic()
        last = ""

        def is_right() -> bool:
            nonlocal last
            last = self.amiss(since)
            return not last

        try:
            self.bot.until(is_right, timeout_s)
        except AssertionError as failed:
            raise AssertionError(f"{last}\n{failed}") from failed
        return time.monotonic() - began_s

    def lines_since(self, start: int, event: str, **fields: object) -> list[Line]:
        return [
            line
            for line in self.bot.lines[start:]
            if line["event"] == event and all(line.get(key) == value for key, value in fields.items())
        ]

    def until(self, look: Callable[[], Any], timeout_s: float = PATIENT_FOR_S) -> Any:
        return self.bot.until(look, timeout_s)

    def close(self) -> None:
        self.bot.kill()

    def _hears_its_market(self) -> bool:
        """A fault that is armed before the streams stand is another fault. Not all may speak: some are halted."""
        return any(each["feed"] == "live" for each in self.bot.status()["symbols"])

    def _deaf(self) -> str:
        told = [line["event"] for line in self.bot.lines if line["event"] in ("user_stream_lost", "user_stream_back")]
        return "the private stream is down" if told[-1:] == ["user_stream_lost"] else ""

    def _blind(self, since: int) -> str:
        seeing = {line["symbol"] for line in self.lines_since(since, "cycle") if not line["reason"].startswith(BLIND)}
        missing = set(self.symbols) - seeing
        return f"no cycle has seen {sorted(missing)}" if missing else ""

    def _holdings(self) -> list[str]:
        """Positions of the daemon against balances and stops of the venue."""
        ledger = self.ledger()
        positions = {each["symbol"]: each for each in self.bot.api("/api/v1/positions")}
        found = []
        for symbol in self.symbols:
            base = symbol.partition("/")[0]
            balance = ledger["balances"].get(base, {"free": "0", "locked": "0"})
            held = Decimal(balance["free"]) + Decimal(balance["locked"])
            known = Decimal(positions[symbol]["quantity"]) if symbol in positions else Decimal(0)
            given = sum(Decimal(each["amount"]) for each in ledger["deposits"] if each["asset"] == base)
            paid = sum(
                Decimal(each["commission"])
                for each in ledger["fills"]
                if each["commissionAsset"] == base and not each["symbol"].startswith(base)
            )
            if known != held - given + paid:
                found.append(f"{symbol}: {known} for the daemon, {held} at the venue")
            covered = sum(
                Decimal(each["origQty"]) - Decimal(each["executedQty"])
                for each in ledger["orders"]
                if each["status"] == "NEW" and each["type"] == "STOP_LOSS" and each["symbol"] == base + "USDT"
            )
            price = Decimal(str((positions.get(symbol) or {}).get("mark_price") or 0))
            step = self._rules[base + "USDT"].step
            if known - covered >= step and (known - covered) * price > _DUST_USD:
                found.append(f"{symbol}: {known} held, {covered} under stops")
        return found

    def _get(self, path: str) -> Json:
        with urllib.request.urlopen(self.venue.url + path, timeout=10) as answer:
            found: Json = json.load(answer)
            return found
