"""A headless Chromium of this machine, driven by playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 1000}


def program() -> str | None:
    """`None`: this machine has none."""
    return shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Ends with the context. Nothing asynchronous may run in this thread meanwhile. There is a `program()`."""
    with sync_playwright() as playwright:
        # Its sandbox refuses to work for root, and in most containers; it meets nothing but our own page here.
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
