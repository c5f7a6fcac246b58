"""What is no recording, or a damaged one, is refused by name and line, before anything is played."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import DataFileError
from core.runtime.recorded_lines import is_recording
from core.simulation.server.recorded_streams.recording import Recording
from tests.unit.simulation.server.recorded_streams.files import (
    EXCHANGE_MS,
    GOOD,
    LOCAL_NS,
    cryptofeed,
    diff,
    quote,
    snapshot,
    text,
    trade,
    write,
    write_gzip,
)


def refusal(*files: Path) -> str:
    with pytest.raises(DataFileError) as caught:
        Recording.check(files)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "btcusdt.txt"


def test_a_good_one_is_read(file: Path) -> None:
    recording = Recording.check([write(file, GOOD)])
    assert len(list(recording.events())) == 5


def test_a_gzipped_file_that_was_cut_off(file: Path) -> None:
    write_gzip(file, [*GOOD, *(trade(index, ms=200) for index in range(3, 900))])
    whole = file.read_bytes()
    for kept in (3, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:kept])
        assert f"{file}, after line" in refusal(file)
        assert "cut off" in refusal(file)


def test_a_gzipped_file_that_was_damaged(file: Path) -> None:
    write_gzip(file, GOOD)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    assert str(file) in refusal(file)


def test_half_a_line(file: Path) -> None:
    file.write_text(text(GOOD)[:-20])
    assert refusal(file).startswith(f"{file}, line 6: not JSON, or cut off")


def test_half_a_time(file: Path) -> None:
    file.write_text(text(GOOD) + "17000000000")
    assert refusal(file).startswith(f"{file}, line 7: is neither")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("words.gz", b"Copyright (C) 2017\n"),
        ("candles.csv", b"timestamp,open,high,low,close,volume\n1700000000000,1,2,1,2,5\n"),
        ("noise.bin", random.Random(1).randbytes(3_000)),
        ("empty.gz", b""),
    ],
)
def test_a_foreign_file(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert not is_recording(file)
    assert str(file) in refusal(file)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.gz")
    assert "can't be read" in refusal(tmp_path)
    assert not is_recording(tmp_path)


@pytest.mark.parametrize("name", ["BYBIT.ws.26.0", "DERIBIT.ws.1.0"])
def test_another_exchange(recorded_data: Path, name: str) -> None:
    file = recorded_data / "cryptofeed" / name
    assert is_recording(file)
    assert "no depthUpdate, bookTicker or trade messages of Binance" in refusal(file)


def test_streams_without_their_snapshots(recorded_data: Path) -> None:
    streams = cryptofeed(recorded_data, "BINANCE")[-1]
    assert "NKNUSDT: changes of the book, and no snapshot" in refusal(streams)


@pytest.mark.parametrize(
    ("messages", "line", "words"),
    [
        ([snapshot(10), *GOOD], 1, "a depth snapshot that doesn't say its symbol"),
        ([*GOOD, diff(14, 15, ms=200)], 7, "a gap: this change follows update 13, the book is at 12"),
        ([*GOOD, diff(13, 15, ms=200, pu=11), diff(16, 17, ms=300, pu=16)], 8, "a gap: this change follows update 16"),
        ([*GOOD, trade(2)], 7, "trade 2 comes after trade 2"),
        ([*GOOD, trade(1)], 7, "trade 1 comes after trade 2"),
        ([*GOOD, diff(15, 13)], 7, "ends at update 13, before its first, 15"),
        ([*GOOD, quote(13, "101.00", "101.00")], 7, "the best bid 101.00 is not below the best ask 101.00"),
        ([*GOOD, diff(13, 14, [["101.00", "1"]], ms=200)], 7, "best bid and best ask of the recorded book cross"),
        ([*GOOD, diff(13, 14, [["abc", "1"]])], 7, "not a price or quantity: 'abc'"),
        ([*GOOD, diff(13, 14, [["-1", "1"]])], 7, "not a price or quantity: '-1'"),
        ([*GOOD, diff(13, 14, [["1e5", "1"]])], 7, "not a price or quantity: '1e5'"),
        ([*GOOD, diff(13, 14, [["", "1"]])], 7, "not a price or quantity: ''"),
        ([*GOOD, diff(13, 14, [["0.00", "1"]])], 7, "a level has no price"),
        ([*GOOD, diff(13, 14, [["1.123456789", "1"]])], 7, "finer than 1e-8"),
        ([*GOOD, diff(13, 14, [["9" * 40, "1"]])], 7, "not a price or quantity"),
        ([*GOOD, diff(13, 14, [["99.00"]])], 7, "not a Binance depthUpdate"),  # half a level
        ([*GOOD, diff(13, 14, b="text")], 7, "not a Binance depthUpdate"),
        ([*GOOD, diff(13, -1)], 7, "not a Binance depthUpdate"),
        ([*GOOD, trade(3, T="now")], 7, "not a Binance trade"),
        ([*GOOD, {"stream": "btcusdt@bookTicker", "data": {}}], 7, "not a Binance bookTicker"),
        ([diff(8, 9), diff(10, 12), snapshot(5)], 3, "the snapshot (update 5) is older than the first recorded change"),
    ],
)
def test_messages_that_cannot_be(file: Path, messages: Sequence[dict[str, Any]], line: int, words: str) -> None:
    said = refusal(write(file, messages))
    assert said.startswith(f"{file}, line {line}: ")
    assert words in said


def test_lines_out_of_order(file: Path) -> None:
    lines = text(GOOD).splitlines()
    file.write_text("\n".join([*lines[:3], lines[4], lines[3], lines[5]]))
    assert refusal(file) == f"{file}, line 5: received 0.001 s before the line above it"


def test_a_file_that_has_changed_since_it_was_checked(file: Path) -> None:
    recording = Recording.check([write(file, GOOD)])
    write(file, [*GOOD[:-1], trade(1)])
    with pytest.raises(DataFileError, match="trade 1 comes after trade 1"):
        list(recording.events())
    write(file, [*GOOD, trade(1, ms=300, s="ETHUSDT")])
    with pytest.raises(DataFileError, match="it has changed"):
        list(recording.events())


def test_what_nobody_knows_the_assets_of(file: Path) -> None:
    said = refusal(write(file, [quote(1, s="WHATEVER")]))
    assert said.startswith("WHATEVER: the recording doesn't say its base and quote")


LINES = text(GOOD).splitlines(keepends=True)


@given(st.data())
def test_no_damage_gets_past_as_anything_but_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.txt"
    content = bytearray("".join(LINES).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["set", "cut", "drop"])):
            case "set":
                content[at] = data.draw(st.integers(0, 255))
            case "cut":
                del content[at + 1 :]
            case _:
                del content[at : at + data.draw(st.integers(1, 30))]
        if not content:
            return
    file.write_bytes(bytes(content))
    try:
        recording = Recording.check([file])
    except DataFileError as error:
        assert str(file) in str(error) or ": the recording" in str(error)
    else:
        list(recording.events())


def test_times_are_those_of_the_exchange(file: Path) -> None:
    recording = Recording.check([write(file, GOOD)])
    assert LOCAL_NS < recording.start_ns <= EXCHANGE_MS * 1_000_000
    assert recording.ends_ns == {"BTCUSDT": (EXCHANGE_MS + 120) * 1_000_000}
