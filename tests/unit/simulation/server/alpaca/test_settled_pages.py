"""Pages of the past that are kept."""

from core.simulation.server.alpaca.settled_pages import SettledPages, key_of


def test_the_order_of_parameters_does_not_matter_and_the_day_does() -> None:
    assert key_of("/a", {"x": "1", "y": "2"}, 3) == key_of("/a", {"y": "2", "x": "1"}, 3)
    assert key_of("/a", {}, 3) != key_of("/a", {}, 4)


def test_the_oldest_go_when_there_is_no_room() -> None:
    pages = SettledPages(most_bytes=10)
    first, second, third = (key_of(path, {}, 1) for path in ("/a", "/b", "/c"))
    pages.keep(first, (1, b"12345"))
    pages.keep(second, (1, b"12345"))
    pages.keep(second, (1, b"1234"))
    assert pages.get(first) == (1, b"12345")
    pages.keep(third, (2, b"123456"))
    assert pages.get(first) is None
    assert pages.get(second) == (1, b"1234")
    assert pages.get(third) == (2, b"123456")
