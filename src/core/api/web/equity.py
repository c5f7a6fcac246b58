"""The equity of a long run in few points."""

from core.api.answers import EquityPoint

MOST_POINTS = 1_440


class EquityCurve:
    """Keeps a point every so often; when there are `MOST_POINTS`, every second one goes and the step doubles."""

    def __init__(self, first_step_s: float = 1.0) -> None:
        self._step_ms = first_step_s * 1_000
        self._points: list[tuple[int, float]] = []

    def add(self, at_ms: int, equity: float) -> None:
        """`at_ms`: trading time. An account that is worth nothing is not in the books yet: the curve begins later."""
        if equity <= 0 or (self._points and at_ms - self._points[-1][0] < self._step_ms):
            return
        self._points.append((at_ms, equity))
        if len(self._points) >= MOST_POINTS:
            del self._points[1::2]
            self._step_ms *= 2

    def points(self) -> tuple[EquityPoint, ...]:
        """Oldest first."""
        peak = 0.0
        shown = []
        for at_ms, equity in self._points:
            peak = max(peak, equity)
            drawdown_pct = 100.0 * (peak - equity) / peak if peak > 0 else 0.0
            shown.append(EquityPoint(at_ms, equity, round(drawdown_pct, 4)))
        return tuple(shown)
