"""Pages of bars of the past, kept as they were sent: they come out the same whenever they are asked for."""

from collections import OrderedDict
from collections.abc import Mapping

_MOST_BYTES = 64 << 20

Key = tuple[str, int, tuple[tuple[str, str], ...]]
Page = tuple[int, bytes]
"""Rows, and the body."""


class SettledPages:
    """The oldest go first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._room = most_bytes

    def get(self, key: Key) -> Page | None:
        return self._pages.get(key)

    def keep(self, key: Key, page: Page) -> None:
        self._room += len(self._pages.pop(key, (0, b""))[1]) - len(page[1])
        self._pages[key] = page
        while self._room < 0:
            _, (_, body) = self._pages.popitem(last=False)
            self._room += len(body)


def key_of(path: str, values: Mapping[str, str], day: int) -> Key:
    """`day` counts those since 1970: what is listed may change from one to the next."""
    return path, day, tuple(sorted(values.items()))
