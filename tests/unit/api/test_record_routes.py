"""The recorded decisions over HTTP: of a file that is there, is not, or is damaged."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from core.decision_ledger.storage import Batch
from unit.api.daemon import FixedView, serving
from unit.decision_ledger.making import START_MS, ledger_file, line

STALE = "STALE_QUOTE age_s=4.2 limit_s=2"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    storage = ledger_file(tmp_path / "x.sqlite")
    storage.write(Batch([line(minute=1), line(minute=61, reason=STALE), line("ETH/USDT", 62)]))
    storage.close()
    return storage.file


@pytest.fixture
async def client(recorded: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(FixedView(), tmp_path, ledger=recorded) as opened:
        yield opened


async def test_decisions_of_any_moment_in_sentences_and_in_data(client: httpx.AsyncClient) -> None:
    newest = (await client.get("/api/v1/record")).json()
    assert [each["symbol"] for each in newest] == ["ETH/USDT", "BTC/USDT", "BTC/USDT"]
    (then,) = (await client.get("/api/v1/record", params={"symbol": "btcusdt", "at_ms": START_MS + 119_999})).json()
    assert then["close_ms"] == START_MS + 60_000
    (told,) = (await client.get("/api/v1/record?symbol=BTC/USDT&limit=1")).json()
    assert (told["sentence"], told["gates"]["quote"]) == ("no trade: quote 4.2 s old (limit 2 s)", "no")


async def test_reasons_are_counted_for_the_newest_hours(client: httpx.AsyncClient) -> None:
    async def counted(query: str) -> list[tuple[str, int, str]]:
        rows = (await client.get(f"/api/v1/record/reasons{query}")).json()
        return [(each["symbol"], (each["hour_ms"] - START_MS) // 3_600_000, each["code"]) for each in rows]

    whole = [("BTC/USDT", 0, "SIGNAL_HOLD"), ("BTC/USDT", 1, "STALE_QUOTE"), ("ETH/USDT", 1, "SIGNAL_HOLD")]
    assert await counted("") == whole
    assert await counted("?hours=1") == whole[1:]
    assert await counted(f"?until_ms={START_MS}&symbol=btcusdt") == whole[:1]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?symbol=NOSUCH", 404),
        ("?symbol=%1b%5b2J", 404),
        ("?at_ms=5", 422),
        ("?symbol=BTC/USDT&at_ms=-1", 422),
        (f"?symbol=BTC/USDT&at_ms={2**70}", 422),
        ("?limit=0", 422),
        ("?limit=501", 422),
        (f"?symbol={'x' * 65}", 422),
        ("/reasons?hours=0", 422),
        ("/reasons?hours=169", 422),
        ("/reasons?symbol=NOSUCH", 404),
        ("/reasons?until_ms=x", 422),
    ],
)
async def test_what_is_wrong_is_refused(client: httpx.AsyncClient, query: str, status: int) -> None:
    assert (await client.get(f"/api/v1/record{query}")).status_code == status


async def test_without_a_token_there_is_nothing(client: httpx.AsyncClient) -> None:
    del client.headers["Authorization"]
    for path in ("record", "record/reasons"):
        assert (await client.get(f"/api/v1/{path}")).status_code == 401


async def test_no_record_is_an_empty_one_and_a_damaged_one_is_503(tmp_path: Path, recorded: Path) -> None:
    for ledger in (None, tmp_path / "none.sqlite"):
        async with serving(FixedView(), tmp_path, ledger=ledger) as client:
            assert (await client.get("/api/v1/record")).json() == []
            assert (await client.get("/api/v1/record/reasons")).json() == []
    recorded.write_bytes(b"nonsense" * 1_000)
    async with serving(FixedView(), tmp_path, ledger=recorded) as client:
        for path in ("record", "record/reasons", "record?symbol=BTC/USDT"):
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code == 503
            assert "may also be deleted" in answer.json()["detail"]
