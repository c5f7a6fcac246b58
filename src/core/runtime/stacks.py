"""What a thread executes right now, said in one line."""

import sys
import sysconfig
from types import FrameType

_LIBRARIES = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib"))
_FOREIGN = (*_LIBRARIES, "<frozen")


def culprit(thread_id: int) -> str:
    """`file:line function` of the innermost frame that is not a library's, and what it called where that is one.

    Empty where the thread runs no Python code. For any thread; cheap, and safe while the other thread runs.
    """
    innermost = sys._current_frames().get(thread_id)
    return "" if innermost is None else to_blame(innermost)


def to_blame(innermost: FrameType) -> str:
    """As `culprit`, of a stack at hand."""
    own: FrameType | None = innermost
    while own is not None and own.f_code.co_filename.startswith(_FOREIGN):
        own = own.f_back
    if own is None or own is innermost:
        return _place(innermost)
    return f"{_place(own)} (in {_place(innermost)})"


def _place(frame: FrameType) -> str:
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_qualname}"


def _short(path: str) -> str:
    """From the package on: the path below the longest `sys.path` entry."""
    roots = (root for root in sys.path if root and path.startswith(root.rstrip("/") + "/"))
    return path[len(max(roots, key=len, default="")) :].lstrip("/") or path
