import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.runtime.redaction import Redactor


@given(secret=st.text(min_size=6, max_size=40), before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_known_secret_never_shows_as_it_is_in_json_or_in_a_url(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for shape in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert shape not in redactor.mask_text(f"{before} {shape} {after}").replace("***", "\0")


def test_values_of_keys_that_name_a_secret_are_masked_at_any_depth() -> None:
    event = {"event": "x", "apiSecret": "abc", "nested": {"Authorization": "Bearer 1", "fine": "y"}, "token": ""}
    assert Redactor().mask_keys(event) == {
        "event": "x",
        "apiSecret": "***",
        "nested": {"Authorization": "***", "fine": "y"},
        "token": "",
    }


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /api/v3/order?timestamp=1&signature=ab12&x=1", "GET /api/v3/order?timestamp=1&signature=***&x=1"),
        ('{"url": "https://x/?apiKey=abc"}', '{"url": "https://x/?apiKey=***"}'),
        ("postgresql://bot:hunter2@db/journal", "postgresql://bot:***@db/journal"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_shapes_are_masked_without_being_known(text: str, masked: str) -> None:
    assert Redactor().mask_text(text) == masked


def test_very_short_secrets_do_not_blot_out_the_text() -> None:
    assert Redactor(["a", ""]).mask_text("a cat") == "a cat"


def test_of_two_secrets_the_longer_one_wins() -> None:
    assert Redactor(["secret", "secret-and-more"]).mask_text("secret-and-more!") == "***!"
