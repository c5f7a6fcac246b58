import itertools

import pytest

from core.simulation.server.errors import ApiError
from core.simulation.server.usdm.listen_keys import ListenKeys

HOUR_S = 3_600.0


class World:
    """A clock moved by hand, keys in a row, and what is remembered."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.remembered = "{}"
        self._numbers = itertools.count(1)
        self.keys = self.restarted()

    def restarted(self) -> ListenKeys:
        def remember(text: str) -> None:
            self.remembered = text

        keys = ListenKeys(
            now_s=lambda: self.now_s,
            lifetime_s=HOUR_S,
            new_key=lambda: f"key-{next(self._numbers)}",
            remember=remember,
        )
        keys.recall(self.remembered)
        return keys


@pytest.fixture
def world() -> World:
    return World()


def test_an_account_has_one_key(world: World) -> None:
    assert world.keys.open("alice") == world.keys.open("alice") == "key-1"
    assert world.keys.open("bob") == "key-2"
    assert world.keys.account_of("key-2") == "bob"
    assert world.keys.account_of("key-3") is None


def test_a_key_lives_an_hour_from_its_last_use(world: World) -> None:
    world.keys.open("alice")
    world.now_s += HOUR_S - 1
    assert world.keys.keep("alice") == "key-1"
    world.now_s += HOUR_S - 1
    assert world.keys.account_of("key-1") == "alice"
    assert world.keys.take_expired() == []
    world.now_s += 1
    assert world.keys.account_of("key-1") is None
    assert world.keys.take_expired() == [("alice", "key-1")]
    assert world.keys.take_expired() == []
    with pytest.raises(ApiError, match="This listenKey does not exist"):
        world.keys.keep("alice")
    assert world.keys.open("alice") == "key-2"


def test_a_closed_key_is_worth_nothing(world: World) -> None:
    world.keys.open("alice")
    assert world.keys.close("alice") == "key-1"
    assert world.keys.close("alice") is None
    assert world.keys.account_of("key-1") is None
    assert world.keys.take_expired() == []


def test_keys_survive_a_restart(world: World) -> None:
    world.keys.open("alice")
    world.keys.open("bob")
    world.keys.close("bob")
    again = world.restarted()
    assert again.account_of("key-1") == "alice"
    assert again.account_of("key-2") is None
    world.now_s += HOUR_S
    assert again.take_expired() == [("alice", "key-1")]
