"""The files that git tracks."""

import subprocess
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@cache
def tracked_files() -> tuple[Path, ...]:
    """Absolute paths; skips where this is no git checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("this is not a git checkout")
    files = (CHECKOUT / name for name in done.stdout.split("\0") if name)
    return tuple(each for each in files if each.is_file())


def tracked_texts() -> dict[Path, str]:
    """Content of every tracked text file; binary files are left out."""
    texts = {}
    for each in tracked_files():
        content = each.read_bytes()
        if b"\0" not in content:
            texts[each.relative_to(CHECKOUT)] = content.decode("utf-8")
    return texts
