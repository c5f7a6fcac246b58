from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from core.simulation.server.frames import text_frame


def received(data: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://localhost"), state=State.OPEN, max_size=None)
    client.receive_data(data)
    events = client.events_received()
    assert client.parser_exc is None
    return [event for event in events if isinstance(event, Frame)]


@given(st.lists(st.text(max_size=200), max_size=5))
def test_a_client_reads_what_was_framed(texts: list[str]) -> None:
    frames = received(b"".join(text_frame(text.encode()) for text in texts))
    assert [bytes(frame.data).decode() for frame in frames] == texts
    assert all(frame.opcode is Opcode.TEXT and frame.fin for frame in frames)


def test_lengths_at_the_edges_of_the_header_forms() -> None:
    for length in (0, 125, 126, 65_535, 65_536):
        (frame,) = received(text_frame(b"x" * length))
        assert len(frame.data) == length
