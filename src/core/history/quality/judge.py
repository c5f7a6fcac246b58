"""The verdict on a series that was loaded: what the loader asks of quality."""

from core.history.loading.checking import Verdict
from core.history.quality.acceptance import refusal
from core.history.quality.examine import examine
from core.history.series import Series


def judge(series: Series, min_quality: float) -> Verdict:
    """Takes CPU: made for worker processes."""
    report = examine(series)
    return Verdict(report.score, refusal(report, min_quality))
