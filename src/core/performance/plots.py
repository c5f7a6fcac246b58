"""The pictures of the report, as SVG text: the extra `report` (`pip install matplotlib`)."""

from collections.abc import Mapping, Sequence

from core.figures import new_figure, svg
from core.performance.comparison import Comparison
from core.runtime.histogram import Histogram

_QUANTILES = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
_COLOURS = ("#8a8f98", "#d1495b", "#edae49", "#2a7f62")
"""Idle loop first, then the ways."""


def lag_plot(comparison: Comparison) -> str:
    """Lag over its percentiles: how late the loop is at worst in the given share of time."""
    figure, (axes,) = new_figure(7.6, 3.9)
    lags = {"idle loop": comparison.floors}
    lags |= {name.value: tuple(each.lag for each in rounds) for name, rounds in comparison.rounds.items()}
    for colour, (name, rounds) in zip(_COLOURS, lags.items(), strict=True):
        whole = _merged(rounds)
        late_ms = [max(0.05, whole.percentile_ms(quantile) or 0.0) for quantile in _QUANTILES]
        axes.plot(range(len(_QUANTILES)), late_ms, color=colour, marker="o", markersize=3, label=name)
    axes.set_yscale("log")
    axes.set_xticks(range(len(_QUANTILES)), ["min", *(f"p{100 * each:g}" for each in _QUANTILES[1:])])
    axes.set_ylabel("lag of the event loop, ms")
    axes.grid(visible=True, which="major", axis="y", alpha=0.3)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(lags))
    return svg(figure)


def throughput_plot(comparison: Comparison) -> str:
    """Features, signals and operations a second, each on a scale of its own."""
    found = comparison.summaries()
    bars = {
        "features, symbols a second": [each.features_per_s for each in found],
        "signals a second": [each.signals_per_s for each in found],
        "operations a second": [each.operations_per_s for each in found],
    }
    return _bars(bars, [each.way for each in found], "{:,.0f}")


def success_plot(comparison: Comparison) -> str:
    """The share of what could succeed that did."""
    found = comparison.summaries()
    return _bars({"success, %": [each.success_pct for each in found]}, [each.way for each in found], "{:.1f}")


def _bars(bars: Mapping[str, Sequence[float]], labels: Sequence[str], words: str) -> str:
    figure, all_axes = new_figure(7.6, 1.5, columns=len(bars))
    for number, (title, values) in enumerate(bars.items()):
        axes = all_axes[number]
        axes.barh(range(len(values)), values, color=_COLOURS[1:])
        axes.set_title(title, fontsize=9)
        axes.set_yticks(range(len(values)), labels if number == 0 else [""] * len(values))
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.set_xlim(0, 1.35 * max(*values, 1e-9))
        for row, value in enumerate(values):
            axes.text(value, row, " " + words.format(value), va="center", fontsize=9)
    return svg(figure)


def _merged(rounds: Sequence[Histogram]) -> Histogram:
    whole = Histogram()
    for each in rounds:
        whole.merge(each)
    return whole
