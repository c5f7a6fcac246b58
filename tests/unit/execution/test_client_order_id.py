from hypothesis import given
from hypothesis import strategies as st

from core.domain.orders import IntentId
from core.execution.client_order_id import client_order_id, is_ours


@given(intent=st.text(), role=st.text())
def test_every_id_is_within_the_venues_charset_and_length_and_recognised(intent: str, role: str) -> None:
    made = client_order_id(IntentId(intent), role)
    assert is_ours(made)
    assert len(made) == 30
    assert all(char in "abcdefghijklmnopqrstuvwxyz0123456789-" for char in made)
    assert made == client_order_id(IntentId(intent), role)


@given(st.sets(st.tuples(st.text(max_size=3), st.sampled_from(["leg-0", "leg-1", "stop-1"])), min_size=2))
def test_different_orders_have_different_ids(orders: set[tuple[str, str]]) -> None:
    assert len({client_order_id(IntentId(intent), role) for intent, role in orders}) == len(orders)


def test_other_peoples_ids_are_not_ours() -> None:
    for text in (None, "", "web_123", "mtn-", "mtn-UPPERCASEUPPERCASEUPPERCA", "x" * 36):
        assert not is_ours(text)
