"""The files of the web page, read once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

PAGE = Path(__file__).parent / "page"
LIBRARY = "lightweight-charts.js"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class PageFile:
    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Page:
    index: bytes
    version: str
    """Changes with any of the files."""
    files: Mapping[str, PageFile]
    """By name."""


def read_page() -> Page:
    files = {each.name: each for each in PAGE.iterdir() if each.suffix in _MEDIA_TYPES}
    files[LIBRARY] = library()
    read = {name: PageFile(file.read_bytes(), _MEDIA_TYPES[file.suffix]) for name, file in sorted(files.items())}
    version = hashlib.sha256(b"".join(each.content for each in read.values())).hexdigest()[:12]
    index = (PAGE / "index.html").read_bytes().replace(b"VERSION", version.encode())
    return Page(index, version, read)


def library() -> Path:
    """TradingView's Lightweight Charts as the wheel `litecharts` brings it, whose Python is never imported."""
    package = find_spec("litecharts")
    assert package is not None and package.origin is not None  # noqa: S101 - requirements.in has it
    return Path(package.origin).parent / "js" / LIBRARY
