"""What a daemon holds: threads and memory of its process, and its children."""

import time
from dataclasses import dataclass

import psutil

LOOK_EVERY_S = 1.0
MORE_THREADS = 4
"""Lanes start threads when they are first needed: so many may have been added for good."""
MORE_MB = 30.0
"""What is remembered in bounded numbers (decisions, fills) still fills up in the first hour."""


@dataclass(frozen=True, slots=True)
class Levels:
    threads: int
    rss_mb: float
    children: int

    def is_back_at(self, before: "Levels") -> bool:
        return (
            self.threads <= before.threads + MORE_THREADS
            and self.rss_mb <= before.rss_mb + MORE_MB
            and self.children == before.children
        )


def levels(pid: int) -> Levels:
    process = psutil.Process(pid)
    with process.oneshot():
        return Levels(process.num_threads(), process.memory_info().rss / 2**20, len(process.children()))


def back_at(pid: int, before: Levels, patience_s: float) -> Levels:
    """The first look at which all is back at its level; the last one where it does not come to that."""
    ends_s = time.monotonic() + patience_s
    while True:
        now = levels(pid)
        if now.is_back_at(before) or time.monotonic() > ends_s:
            return now
        time.sleep(LOOK_EVERY_S)
