"""The web page in a real browser, of a real daemon: what it shows, what its buttons do, what it survives."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from browser import DESK, PHONE, chromium, program
from core.api.tokens import Scope, TokenFile
from integration.daemon.bot import Bot, bot, descendants

pytestmark = [pytest.mark.slow, pytest.mark.processes]
expect.set_options(timeout=60_000)
Answer = Callable[[Route], None]
HOSTILE = "<svg/onload=window.hacked=1>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if program() is None:
        pytest.skip("Chromium is absent")
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def trader(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    """Not started where there is no browser."""
    with bot(tmp_path_factory.mktemp("page")) as running:
        running.next("cycle")
        yield running


@pytest.fixture(scope="module")
def tokens(trader: Bot) -> dict[Scope, str]:
    file = TokenFile(trader.data_dir)
    return {scope: file.add(scope.name.lower(), scope) for scope in (Scope.READ, Scope.TRADE)}


@contextmanager
def opened(
    browser: Browser, trader: Bot, token: str, size: Any = DESK, *, hostile: Sequence[Answer] = (), **more: Any
) -> Iterator[Page]:
    """The page, signed in and live; fails for every error that its scripts ran into. `hostile`: answers in place of the
    feeds', the decisions' and the models'."""
    complaints: list[str] = []
    with browser.new_context(viewport=size, **more) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        for path, answer in zip(("feeds", "decisions?*", "models"), hostile, strict=False):
            page.route(f"**/api/v1/{path}", answer)
        page.goto(address(trader))
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator("#link-words")).to_have_text("Live")
        expect(page.locator("#decisions strong").first).to_be_visible()
        yield page
    assert complaints == []


def address(trader: Bot) -> str:
    return f"http://127.0.0.1:{(trader.data_dir / 'api.port').read_text().strip()}/"


def level(trader: Bot) -> str:
    found: str = trader.api("/api/v1/kill-switch")["level"]
    return found


def test_what_it_shows_is_what_the_api_says(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.READ]) as page:
        status = trader.status()
        expect(page.locator("#tile-equity")).to_have_text(f"{float(status['equity']):,.2f}")
        expect(page.locator("#tile-unknown-orders")).to_have_text("0")
        expect(page.locator("#where")).to_contain_text(f"{status['mode']} · {status['venue']}")
        expect(page.locator("#level")).to_have_text(status["risk_level"])
        expect(page.locator("#positions")).to_have_text("Nothing is held.")
        expect(page.locator("#feeds tbody th")).to_have_text(sorted(each["symbol"] for each in status["symbols"]))
        expect(page.locator("#candles canvas").first).to_be_visible()
        newest = trader.api("/api/v1/decisions?limit=1")[0]
        reason = f'#decisions .why[title="{newest["reason"]}"]'
        expect(page.locator(reason).first).to_contain_text(newest["sentence"].partition(": ")[2])


def test_a_fill_its_order_and_the_position_appear_by_themselves(
    browser: Browser, trader: Bot, tokens: dict[Scope, str]
):
    with opened(browser, trader, tokens[Scope.READ]) as page:
        page.route("**/api/v1/*", lambda route: route.abort())  # from now on all news comes over the WebSocket
        trader.mood = "long"
        expect(page.locator("#fills tbody tr").first).to_be_visible()
        expect(page.locator("#orders tbody tr", has_text="entry").first).to_contain_text("filled")
        trader.until(lambda: trader.traded("buy"))
        trader.mood = "hold"
        expect(page.locator("#positions tbody tr")).to_have_count(2)
        held = {each["symbol"]: float(each["quantity"]) for each in trader.api("/api/v1/positions")}
        shown = page.locator("#positions tbody tr").evaluate_all("rows => rows.map(row => row.innerText.split('\\t'))")
        assert {row[0].strip(): float(row[1].replace(",", "")) for row in shown} == held


def test_the_stream_of_decisions_can_be_filtered(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.READ]) as page:
        page.locator("#of-symbol").select_option("ETH/USDT")
        expect(page.locator("#decisions")).not_to_contain_text("BTC/USDT")
        expect(page.locator("#decisions strong").first).to_have_text("ETH/USDT")
        page.get_by_label("Words in the reason").fill("no such words")
        expect(page.locator("#decisions")).to_have_text("No decision fits the filter.")


def test_halt_by_keyboard_alone(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.TRADE]) as page:
        page.evaluate("document.activeElement.blur()")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.action") == "halt":
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Enter")  # no reason: nothing happens
        assert level(trader) == "NORMAL"
        page.keyboard.type("lunch")
        page.keyboard.press("Enter")
        expect(page.locator("#level")).to_have_text("NO ENTRY")
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert page.evaluate("document.activeElement.dataset.action") == "halt"
        assert level(trader) == "NO_ENTRY"
        page.get_by_role("button", name="Resume").click()
        page.keyboard.type("back")
        page.keyboard.press("Escape")
        assert level(trader) == "NO_ENTRY"
        page.get_by_role("button", name="Resume").click()
        page.get_by_label("Reason, for the record").fill("back")
        page.get_by_role("button", name="Resume trading").click()
        expect(page.locator("#level")).to_have_text("NORMAL")
        trader.until(lambda: [each["who"] for each in audited(trader)] == ["trade", "trade"])


def audited(trader: Bot) -> list[dict[str, Any]]:
    """The last two commands."""
    lines = (trader.data_dir / "audit.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[-2:]]


def test_flattening_wants_its_word_typed(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.TRADE]) as page:
        page.get_by_role("button", name="Flatten").click()
        page.get_by_label("Reason, for the record").fill("storm")
        page.get_by_role("button", name="Close everything").click()
        expect(page.locator("#confirm-error")).to_have_text("Type flatten to confirm.")
        assert level(trader) == "NORMAL"


def test_a_token_that_may_only_look_moves_nothing(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.READ]) as page:
        halt = page.get_by_role("button", name="Halt")
        expect(halt).to_have_attribute("aria-disabled", "true")
        halt.click(force=True)
        expect(page.locator("#switch-note")).to_contain_text("may only look")
        # Whoever gets round that is refused by the server.
        halt.evaluate("button => { button.setAttribute('aria-disabled', 'false'); button.click(); }")
        page.get_by_label("Reason, for the record").fill("mischief")
        page.keyboard.press("Enter")
        expect(page.locator("#confirm-error")).to_contain_text("it takes trade")
        assert level(trader) == "NORMAL"


def test_a_lost_connection_is_shown_and_healed(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.READ]) as page:
        for process in map(psutil.Process, descendants(trader.pid)):
            if "core.api.web.serving" in process.cmdline():
                process.kill()
        expect(page.locator("#banner")).to_contain_text("The connection is lost")
        expect(page.locator("#link-words")).to_have_text("Live")
        expect(page.locator("#banner")).to_be_hidden()
        seen = trader.api("/api/v1/decisions?limit=1")[0]["close_ms"]
        trader.wait_for(lambda line: line["event"] == "cycle" and line["close_ms"] > seen)
        newest = trader.api("/api/v1/decisions?limit=1")[0]
        expect(page.locator("#decisions")).to_contain_text(newest["sentence"].partition(": ")[2])


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.READ], PHONE, color_scheme="dark") as page:
        expect(page.locator("#feeds tbody tr")).to_have_count(2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 22)"


def test_which_model_decides_and_what_becomes_of_the_others(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    with opened(browser, trader, tokens[Scope.READ]) as page:
        expect(page.locator("#models-card")).to_be_hidden()
    line = {"timeframe": "1m", "version": None, "reason": "", "due_at_ms": None}
    answer = {
        "in_use": {"sim 1m *": "of all", "sim 1m BTC/USDT": "its own", "sim 1h SOL/USDT": "of an hour"},
        "last_refusal": "",
        "training": "fold 1 of 2",
        "coverage": [
            line | {"symbol": "BTC/USDT", "state": "TRAINING"},
            line | {"symbol": "ETH/USDT", "state": "BLOCKED_TEMPORARY", "reason": "too short", "due_at_ms": 0},
        ],
    }
    usual: Sequence[Answer] = (lambda route: route.continue_(),) * 2
    with opened(
        browser, trader, tokens[Scope.READ], hostile=(*usual, lambda route: route.fulfill(json=answer))
    ) as page:
        rows = page.locator("#models tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.nth(0)).to_have_text("BTC/USDT 1mits owntraining–")
        expect(rows.nth(1)).to_have_text("ETH/USDT 1mof allblocked temporary1970-01-01 00:00too short")
        expect(rows.nth(2)).to_have_text("sim 1h SOL/USDTof an hour–––")
        expect(page.locator("#models-words")).to_have_text("training: fold 1 of 2")


def test_what_looks_like_script_stays_text(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    def hostile_feeds(route: Route) -> None:
        lines = [{"symbol": HOSTILE, "channel": HOSTILE, "state": HOSTILE, "age_s": 1.0, "on_rest": False}]
        route.fulfill(json=lines)

    def hostile_decisions(route: Route) -> None:
        line = trader.api("/api/v1/decisions?limit=1")[0]
        words = dict.fromkeys(("symbol", "strategy", "outcome", "reason", "sentence"), HOSTILE)
        route.fulfill(json=[line | words])

    def hostile_models(route: Route) -> None:
        line = dict.fromkeys(("symbol", "timeframe", "state", "reason"), HOSTILE) | {"due_at_ms": None}
        answer = {"in_use": {f"sim {HOSTILE} {HOSTILE}": HOSTILE}, "coverage": [line]}
        route.fulfill(json=answer | dict.fromkeys(("training", "last_refusal"), HOSTILE))

    trader.api("/api/v1/halt", {"reason": HOSTILE, "by": HOSTILE})
    answers = (hostile_feeds, hostile_decisions, hostile_models)
    try:
        with opened(browser, trader, tokens[Scope.READ], hostile=answers) as page:
            page.locator("#decisions .why", has_text=HOSTILE).first.wait_for()
            expect(page.locator("#level-words")).to_contain_text(HOSTILE)
            expect(page.locator("#feeds tbody th")).to_have_text(HOSTILE)
            expect(page.locator("#models tbody td").first).to_have_text(HOSTILE)
            assert page.evaluate("window.hacked") is None
            assert page.locator("#main svg").count() == 0
    finally:
        trader.api("/api/v1/resume", {"reason": "test", "by": "test"})


def test_what_it_remembers_does_not_grow_with_time(browser: Browser, trader: Bot):
    fill = """async () => {
      const { Curve, Latest } = await import(document.querySelector("link[href$='rings.js']").href);
      const curve = new Curve(1440), latest = new Latest(500, (each) => each.id);
      for (let time = 0; time < 20000; time++) { curve.add({ time }); latest.add([{ id: time }]); }
      latest.add([{ id: 19999, again: true }]);
      return [curve.points.length, curve.points[0].time, latest.items.length, latest.items[0]];
    }"""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address(trader))
        points, first, kept, newest = page.evaluate(fill)
    assert (points < 1_440, first, kept, newest) == (True, 0, 500, {"id": 19_999, "again": True})


def test_a_wrong_token_is_told_so(browser: Browser, trader: Bot):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address(trader))
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-in-error")).to_have_text("That token is not known here.")
        expect(page.locator("#main")).to_be_hidden()


def test_nothing_comes_from_elsewhere(browser: Browser, trader: Bot, tokens: dict[Scope, str]):
    asked: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address(trader))
        page.get_by_label("Token").fill(tokens[Scope.READ])
        page.keyboard.press("Enter")
        expect(page.locator("#candles canvas").first).to_be_visible()
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(address(trader))] == []
