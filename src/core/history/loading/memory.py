"""Memory of a process that loads much and keeps little."""

import os

import pyarrow as pa

from core.runtime.allocator import keep_memory_level


def keep_memory_low() -> None:
    """Give back at once what pages took: one arena, and Arrow's tables from it, where its own pool would keep their
    pages for the next. For a process that only loads; call it before threads and workers, which inherit it, are
    started."""
    keep_memory_level()
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    pa.set_memory_pool(pa.system_memory_pool())
