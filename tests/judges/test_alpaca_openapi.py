"""Alpaca's own OpenAPI document of its data API, on every answer of ours that it describes.

The document comes with the package `alpaca-mcp-server`, of which nothing else is wanted: it is fetched without what it
depends on, and the test is skipped where no package index can be reached.
"""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.venues import VenueProcess

pytestmark = pytest.mark.slow

PACKAGE = "alpaca-mcp-server==2.4.0"
DOCUMENT = "alpaca_mcp_server/specs/market-data-api.json"
HEADERS = {"APCA-API-KEY-ID": "paper", "APCA-API-SECRET-KEY": "paper"}
SINCE = (datetime.now(UTC) - timedelta(days=30)).strftime("%Y-%m-%d")
PLACES = {"symbol": "AAPL", "underlying_symbol": "AAPL"}
BARS = {"timeframe": "1Day", "start": SINCE}
STOCKS = {"symbols": "SPY,AAPL"}
WANTED: Mapping[str, Mapping[str, str]] = {
    "/v2/stocks/bars": STOCKS | BARS,
    "/v2/stocks/bars/latest": STOCKS,
    "/v2/stocks/quotes/latest": STOCKS,
    "/v2/stocks/trades/latest": STOCKS,
    "/v2/stocks/snapshots": STOCKS,
    "/v2/stocks/{symbol}/bars": BARS,
    "/v2/stocks/{symbol}/bars/latest": {},
    "/v2/stocks/{symbol}/quotes/latest": {},
    "/v2/stocks/{symbol}/trades/latest": {},
    "/v2/stocks/{symbol}/snapshot": {},
    "/v1beta1/options/bars": BARS,
    "/v1beta1/options/snapshots": {},
    "/v1beta1/options/quotes/latest": {},
    "/v1beta1/options/trades/latest": {},
    "/v1beta1/options/snapshots/{underlying_symbol}": {"limit": "300"},
}
"""Paths of the document and what is asked there; those of options are asked for some contracts."""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("package")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    wheel = next(iter(folder.glob("*.whl")), None)
    if wheel is None:
        pytest.skip(f"{PACKAGE} can't be fetched: {done.stderr.strip()[-200:]}")
    with zipfile.ZipFile(Path(wheel)) as package:
        found: dict[str, Any] = json.loads(package.read(DOCUMENT))
    return found


@pytest.fixture(scope="module")
def client(venue: VenueProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=venue.url, headers=HEADERS, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def contracts(client: httpx.Client) -> str:
    asked = {"limit": "1000", "expiration_date_gte": datetime.now(UTC).strftime("%Y-%m-%d")}
    chain = client.get("/v1beta1/options/snapshots/SPY", params=asked).json()["snapshots"]
    with_greeks = [name for name, each in chain.items() if "greeks" in each]
    return ",".join(with_greeks[:: max(1, len(with_greeks) // 90)][:90])


def closed(schema: Any) -> Any:
    """Nothing is allowed that is not described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if found.get("type") == "object" and "properties" in found and "additionalProperties" not in found:
        found["additionalProperties"] = False
    return found


@pytest.mark.parametrize("path", WANTED)
def test_answers_are_as_described(document: dict[str, Any], client: httpx.Client, contracts: str, path: str) -> None:
    operation = document["paths"][path]["get"]
    params = dict(WANTED[path])
    if path.startswith("/v1beta1") and "{" not in path:
        params["symbols"] = contracts
    answer = client.get(path.format(**PLACES), params=params)
    assert answer.status_code == 200, answer.text
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    # What is put together of several descriptions is unknown to each of them.
    is_joined = "allOf" in json.dumps(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    components = document["components"] if is_joined else closed(document["components"])
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": components})
    complaints = [f"{each.instance_path}: {each.message}" for each in validator.iter_errors(answer.json())]
    assert not complaints, "\n".join(complaints[:20])
    assert len(answer.text) > 100


def test_every_parameter_that_is_described_is_taken(document: dict[str, Any], client: httpx.Client) -> None:
    """Values of the document's own examples."""
    components = document["components"]["parameters"]
    for path, params in WANTED.items():
        if not path.startswith("/v2/stocks/bars") or "latest" in path:
            continue
        for each in document["paths"][path]["get"]["parameters"]:
            described = components[each["$ref"].rpartition("/")[2]]
            schema = described.get("schema", {})
            value = described.get("example", schema.get("default"))
            if value is None or described["name"] in params:
                continue
            answer = client.get(path, params={**params, described["name"]: value})
            assert answer.status_code == 200, (path, described["name"], answer.text)


def test_limits_are_in_the_headers_that_are_described(document: dict[str, Any], client: httpx.Client) -> None:
    answer = client.get("/v2/stocks/bars", params=WANTED["/v2/stocks/bars"])
    named = document["components"]["responses"]["429"]["headers"]
    assert named
    for name in named:
        assert answer.headers[name].isdecimal()
