import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compute.worker_frames import HEADER, FrameKind, FrameReader, frame, unpack_result
from core.domain.errors import ComputeError

frames = st.lists(st.tuples(st.sampled_from(FrameKind), st.integers(0, 2**64 - 1), st.binary(max_size=50)), max_size=10)


@given(sent=frames, sizes=st.lists(st.integers(1, 40), min_size=1))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    sent: list[tuple[FrameKind, int, bytes]], sizes: list[int]
) -> None:
    stream = b"".join(frame(*one) for one in sent)
    reader, received, at, turn = FrameReader(50), list[tuple[FrameKind, int, bytes]](), 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        received += reader.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    assert received == sent


def test_what_is_too_long_or_no_frame_is_an_error() -> None:
    with pytest.raises(ValueError, match="a frame of 51 bytes, above the limit of 50"):
        list(FrameReader(50).feed(frame(FrameKind.RESULT, 1, b"x" * 51)))
    with pytest.raises(ValueError, match="99 is not a valid FrameKind"):
        list(FrameReader(50).feed(HEADER.pack(99, 1, 0)))


def test_a_result_that_is_no_pickle_is_an_error_of_the_job() -> None:
    with pytest.raises(ComputeError, match="cycle: its result can't be read"):
        unpack_result("cycle", b"nonsense")
