"""What a data vendor does wrong, over HTTP: limits, gateways, bodies, pages without end, answers that never come."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.venues import VenueProcess

HEADERS = {"APCA-API-KEY-ID": "paper", "APCA-API-SECRET-KEY": "paper"}
BARS = "/v2/stocks/bars?symbols=SPY&timeframe=1Min&start=2026-01-05&end=2026-01-09"
LIMIT = 40
SETTINGS = f"""
[simulation.alpaca]
requests_per_minute = {LIMIT}

[simulation.alpaca.latencies]
"GET /v2/stocks/bars" = {{ base_ms = 100, per_row_us = 1000 }}
"""


@pytest.fixture(scope="module")
def slow_venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    """With few requests and its latencies."""
    folder: Path = tmp_path_factory.mktemp("alpaca")
    (folder / "venue.toml").write_text(SETTINGS)
    process = VenueProcess(folder, symbols=("BTC/USDT",), options=("-c", str(folder / "venue.toml")))
    yield process
    assert process.stop() == 0


@pytest.fixture
def client(venue: VenueProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=venue.url, headers=HEADERS, timeout=30) as client:
        yield client


@pytest.fixture
def fault(venue: VenueProcess) -> Iterator[object]:
    """Arms one for a route that nobody else asks for; all are ended in the end."""
    armed: list[str] = []

    def arm(kind: str, route: str, **parameters: object) -> None:
        armed.append(venue.admin("/faults", {"kind": kind, "route": route, **parameters})["id"])

    yield arm
    for each in armed:
        httpx.delete(f"{venue.admin_url}/faults/{each}")


@pytest.mark.slow
def test_the_limit_is_told_and_kept(slow_venue: VenueProcess) -> None:
    with httpx.Client(base_url=slow_venue.url, headers=HEADERS, timeout=30) as client:
        answers = [client.get("/v2/stocks/quotes/latest?symbols=SPY") for _ in range(LIMIT + 20)]
    assert answers[0].headers["X-RateLimit-Limit"] == str(LIMIT)
    assert answers[0].headers["X-RateLimit-Remaining"] == str(LIMIT - 1)
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert refused[0].json() == {"message": "too many requests."}
    assert refused[0].headers["X-RateLimit-Remaining"] == "0"
    assert int(refused[0].headers["X-RateLimit-Reset"]) > 1_700_000_000


@pytest.mark.slow
def test_latencies_are_a_base_and_so_much_a_row(slow_venue: VenueProcess) -> None:
    key = slow_venue.register().api_key
    headers = {"APCA-API-KEY-ID": key, "APCA-API-SECRET-KEY": "the-secret"}
    answer = httpx.get(f"{slow_venue.url}{BARS}&limit=200", headers=headers, timeout=30)
    assert len(answer.json()["bars"]["SPY"]) == 200
    assert answer.elapsed.total_seconds() >= 0.3


@pytest.mark.parametrize(("answer", "status"), [("weight", 429), ("forbidden", 403), ("unprocessable", 422)])
def test_refusals_are_in_the_vendor_s_words(client: httpx.Client, fault, answer: str, status: int) -> None:
    fault("refuse", "GET /v2/stocks/IWM/bars", answer=answer)
    refused = client.get("/v2/stocks/IWM/bars?timeframe=1Day")
    assert refused.status_code == status
    assert set(refused.json()) == {"message"}


@pytest.mark.parametrize(("answer", "status"), [("gateway_timeout", 504), ("bad_gateway", 502)])
def test_gateways_say_it_in_html(client: httpx.Client, fault, answer: str, status: int) -> None:
    fault("refuse", "GET /v2/stocks/DIA/bars", answer=answer)
    refused = client.get("/v2/stocks/DIA/bars?timeframe=1Day")
    assert refused.status_code == status
    assert refused.headers["content-type"] == "text/html"


@pytest.mark.parametrize("how", ["html", "truncated", "empty", "gzip_truncated"])
def test_bodies_that_are_no_answer(client: httpx.Client, fault, how: str) -> None:
    fault("bad_body", "GET /v2/stocks/XLE/bars", how=how)
    try:
        answer = client.get("/v2/stocks/XLE/bars?timeframe=1Day&start=2026-01-01&end=2026-02-01")
    except httpx.DecodingError:
        return
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        answer.json()


def test_pages_without_end(client: httpx.Client, fault) -> None:
    fault("loop_pages", "GET /v2/stocks/XLF/bars")
    asked = {"timeframe": "1Day", "start": "2026-01-01", "end": "2026-02-01", "limit": "5"}
    first = client.get("/v2/stocks/XLF/bars", params=asked).json()["next_page_token"]
    assert first
    for _ in range(8):
        page = client.get("/v2/stocks/XLF/bars", params={**asked, "page_token": first}).json()
        assert page["next_page_token"] == first


def test_an_answer_that_never_comes(client: httpx.Client, fault) -> None:
    fault("lose_answer", "GET /v2/stocks/TLT/bars", how="hang", hits=1)
    with pytest.raises(httpx.ReadTimeout):
        client.get("/v2/stocks/TLT/bars?timeframe=1Day", timeout=1)
    assert client.get("/v2/stocks/TLT/bars?timeframe=1Day").status_code == 200


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v2/stocks/bars?timeframe=1Day", "symbols is required"),
        ("/v2/stocks/bars?symbols=SPY", "timeframe is required"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=7Fortnight", "invalid timeframe"),
        ("/v2/stocks/bars?symbols=S$Y&timeframe=1Day", "invalid symbol"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&start=yesterday", "invalid start"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&start=2026-02-30", "invalid start"),
        (
            "/v2/stocks/bars?symbols=SPY&timeframe=1Day&start=2026-02-01&end=2026-01-01",
            "end should not be before start",
        ),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&limit=0", "invalid limit"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&limit=20000", "invalid limit"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&page_token=what", "invalid page_token"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&page_token=VFNMQXwx", "invalid page_token"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&sort=up", "invalid sort"),
        ("/v2/stocks/bars?symbols=SPY&timeframe=1Day&feed=cnn", "invalid feed"),
        ("/v1beta1/options/bars?symbols=SPY&timeframe=1Day", "invalid symbol"),
        ("/v1beta1/options/snapshots/SPY?type=both", "invalid type"),
        ("/v1beta1/options/snapshots/SPY?expiration_date=soon", "invalid expiration_date"),
        ("/v1beta1/options/snapshots/SPY?strike_price_gte=-1", "invalid strike_price_gte"),
    ],
)
def test_bad_parameters_are_named(client: httpx.Client, path: str, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_keys(client: httpx.Client, venue: VenueProcess) -> None:
    assert httpx.get(f"{venue.url}/v2/stocks/bars").status_code == 401
    wrong = {**HEADERS, "APCA-API-SECRET-KEY": "other"}
    assert client.get("/v2/stocks/bars", headers=wrong).json() == {"message": "forbidden."}
    assert client.get("/v2/stocks/SPY/auctions").status_code == 404
    assert client.post("/v2/stocks/bars").status_code == 405


def test_pages_over_symbols_join(client: httpx.Client) -> None:
    asked = {"symbols": "SPY,AAPL,NOPE,F", "timeframe": "1Hour", "start": "2026-01-05", "end": "2026-01-15"}
    whole = client.get("/v2/stocks/bars", params={**asked, "limit": 10_000}).json()
    assert whole["next_page_token"] is None
    for sort in ("asc", "desc"):
        joined: dict[str, list[object]] = {}
        token, pages = None, 0
        while pages == 0 or token:
            page = {**asked, "limit": 37, "sort": sort} | ({} if token is None else {"page_token": token})
            answer = client.get("/v2/stocks/bars", params=page).json()
            for symbol, rows in answer["bars"].items():
                joined.setdefault(symbol, []).extend(rows)
            assert sum(map(len, answer["bars"].values())) <= 37
            token, pages = answer["next_page_token"], pages + 1
        assert pages > 3
        assert joined == {name: rows if sort == "asc" else rows[::-1] for name, rows in whole["bars"].items()}
