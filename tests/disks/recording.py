"""What the shim has written down."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = struct.Struct("=IIQQQII")
_MAGIC = 0x4B534944
_MAGIC_BYTES = _MAGIC.to_bytes(4, "little")
_KINDS = frozenset("cmurwtpbe")


@dataclass(frozen=True, slots=True)
class Record:
    """One deed. Kinds, by letter:

    | c, m | a file, a folder was made | `first` is its path below the folder that is watched |
    | u, r | a name was taken away, was changed | `first` is its path, `second` the new one |
    | w, t | a file was written, was cut or grown | `first` are the bytes; at `offset`, to `offset` |
    | p | a file is mapped, to be written by storing | |
    | b, e | a sync began, has ended well | `token` is its number |
    """

    kind: str
    inode: int
    offset: int
    token: int
    first: bytes
    second: bytes


def records(log: bytes) -> Iterator[Record]:
    """In the order of writing. One that a kill has cut short was never done, and is left out."""
    at = 0
    while at + _HEAD.size <= len(log):
        magic, kind, inode, offset, token, n_first, n_second = _HEAD.unpack_from(log, at)
        begin, end = at + _HEAD.size, at + _HEAD.size + n_first + n_second
        if magic != _MAGIC or kind >= 128 or chr(kind) not in _KINDS:
            raise ValueError(f"the recording makes no sense at byte {at}")
        following = log[end : end + 4]
        if end > len(log) or (following and not _MAGIC_BYTES.startswith(following)):
            # Cut short: the next whole one, if somebody else wrote one in the same moment.
            at = log.find(_MAGIC_BYTES, at + 4)
            if at < 0:
                return
            continue
        yield Record(chr(kind), inode, offset, token, log[begin : begin + n_first], log[begin + n_first : end])
        at = end
