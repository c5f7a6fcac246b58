"""TA-Lib's functions on float64 arrays, loaded by the first computation.

The daemon names features and never computes them, and `import talib` brings pandas with it (half a second, 80 MB).
The functions are those inside its wrappers, which look for pandas objects among the arguments of every call.
"""

from typing import Any


class _TaLib:
    def __getattr__(self, name: str) -> Any:
        import talib  # noqa: PLC0415  half a second and pandas: for workers only

        function = getattr(talib, name).__wrapped__
        setattr(self, name, function)
        return function


talib = _TaLib()
