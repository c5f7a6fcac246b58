"""Whether a series is good enough to train or to trade on."""

from core.domain.errors import SeriesRefused
from core.history.quality.report import QualityReport

_REASONS_TOLD = 3


def refusal(report: QualityReport, min_quality: float) -> str | None:
    """Why the series must not be used; `None`: it may."""
    if report.score >= min_quality:
        return None
    reasons = "; ".join(each.reason for each in report.findings[:_REASONS_TOLD])
    more = f"; and {len(report.findings) - _REASONS_TOLD} more" if len(report.findings) > _REASONS_TOLD else ""
    return f"{report.name}: quality {report.score:.2f} is below {min_quality:g}: {reasons}{more}"


def accept(report: QualityReport, min_quality: float) -> QualityReport:
    """The report itself. Raises `SeriesRefused` with the reasons where its score is below `min_quality` (0 to 1)."""
    if (reason := refusal(report, min_quality)) is not None:
        raise SeriesRefused(reason)
    return report
