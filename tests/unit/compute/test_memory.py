import subprocess

import pytest

from core.compute.memory import pss_tree_mb, rss_mb


def test_memory_grows_with_what_is_held() -> None:
    before_mb = rss_mb()
    held = bytearray(b"x" * (64 << 20))
    assert rss_mb() - before_mb == pytest.approx(64, abs=16)
    del held


@pytest.mark.processes
def test_the_tree_counts_children() -> None:
    own_mb = pss_tree_mb()
    program = "held = b'x' * (64 << 20); print(flush=True); input()"
    with subprocess.Popen(
        ["python3", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert pss_tree_mb() - own_mb > 50
        child.communicate("\n")
