"""A system's wall clock that is set while a process runs.

`shim.c` is loaded into the process by LD_PRELOAD and adds what a file says to the wall clock that it and its children
read. Monotonic clocks, timers and sleeps stay, as they do where a person or NTP sets a real machine's clock.
(libfaketime 0.9.10 moves the monotonic clocks as well; told not to, it has sleeps end in EINVAL.)
"""

import struct
from pathlib import Path

from tests.preload import built

_SOURCE = Path(__file__).with_name("shim.c")
_OFFSET = struct.Struct("=q")


class SettableClock:
    """The wall clock of processes that are given its `environment`."""

    def __init__(self, file: Path, ahead_s: int = 0) -> None:
        """`file` is made here; `ahead_s`: by how much the clock is wrong from the start."""
        self._file = file
        self._file.write_bytes(_OFFSET.pack(ahead_s))

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(built(_SOURCE)), "METRONOME_CLOCK_OFFSET": str(self._file)}

    def set(self, ahead_s: int) -> None:
        """From now on so far ahead of the real one; negative: behind. Seen at once by all processes."""
        with self._file.open("r+b") as file:
            file.write(_OFFSET.pack(ahead_s))
