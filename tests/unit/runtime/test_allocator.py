"""How many arenas glibc's malloc has after threads have met in it, asked of glibc itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ctypes, sys, threading
from core.runtime.allocator import keep_memory_level

if sys.argv[1] == "level":
    assert keep_memory_level()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
meeting = threading.Barrier(8)

def allocate():
    meeting.wait()
    for _ in range(100):
        libc.free(ctypes.c_void_p(libc.malloc(5_000)))
    meeting.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stream)
libc.fflush(stream)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="the C library is not glibc")
@pytest.mark.parametrize(("how", "is_one"), [("level", True), ("default", False)])
def test_threads_share_one_arena(how: str, is_one: bool) -> None:
    source = str(Path(__file__).resolve().parents[3] / "src")
    environment = {**os.environ, "PYTHONPATH": source}
    environment.pop("MALLOC_ARENA_MAX", None)
    command = [sys.executable, "-c", PROGRAM, how]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    arenas = told.count("<heap nr=")
    assert (arenas == 1) is is_one, told
