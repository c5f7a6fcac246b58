"""The files of the web page, and under which conditions they are served."""

import hashlib
import re
from pathlib import Path

import pytest

from core.api.tokens import Scope, TokenFile
from core.api.web.page_files import LIBRARY, PAGE, library, read_page
from unit.api.daemon import FixedView, serving

OWN = sorted(PAGE.iterdir())


async def test_the_page_and_its_files_want_no_token(tmp_path: Path):
    async with serving(FixedView(), tmp_path) as client:
        del client.headers["Authorization"]
        index = await client.get("/")
        assert index.headers["content-type"].startswith("text/html")
        policy = index.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        names = re.findall(r'(?:src|href)="(/page/[^"]+)"', index.text)
        assert len(names) >= 10
        for name in names:
            answer = await client.get(name)
            assert answer.status_code == 200, name
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/page/old/app.js", "/page/{version}/nothing.js", "/page/{version}/..%2fguard.py"])
async def test_what_is_no_file_of_it_is_not_served(tmp_path: Path, path: str):
    async with serving(FixedView(), tmp_path) as client:
        assert (await client.get(path.replace("{version}", read_page().version))).status_code == 404


async def test_a_caller_is_told_who_he_is(tmp_path: Path):
    token = TokenFile(tmp_path).add("desk", Scope.TRADE)
    async with serving(FixedView(), tmp_path) as client:
        answer = await client.get("/api/v1/caller", headers={"Authorization": f"Bearer {token}"})
        assert answer.json() == {"name": "desk", "scope": "trade"}


def test_every_module_is_fetched_at_once():
    index = (PAGE / "index.html").read_text()
    modules = {each.name for each in OWN if each.suffix == ".js"}
    assert {name for name in modules if f"/page/VERSION/{name}" in index} == modules


def test_nothing_is_read_as_markup_and_nothing_comes_from_elsewhere():
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\sstyle=|\son\w+=\""
    )
    for file in OWN:
        assert forbidden.search(file.read_text()) is None, file.name
        foreign = re.findall(r"https?://[^\s\"')]+", file.read_text())
        assert set(foreign) <= {"https://www.tradingview.com/", "http://www.w3.org/2000/svg"}, file.name


def test_the_library_is_the_one_that_its_makers_released():
    """SHA-256 of `dist/lightweight-charts.standalone.production.js` of their release 5.1.0."""
    content = library().read_bytes()
    assert library().name == LIBRARY
    assert b"Lightweight Charts\xe2\x84\xa2 v5.1.0" in content[:200]
    assert hashlib.sha256(content).hexdigest() == "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"
