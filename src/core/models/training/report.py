"""The report of one training: one HTML file with plots that loads nothing from anywhere."""

from html import escape

import numpy as np
import pandas as pd

from core.figures import new_figure, page, svg, table
from core.models.manifest import Manifest
from core.models.training.training import Trained
from core.models.verdict import Metric, Verdict

_OURS, _MARKET, _CHANCE = "#2a7f62", "#8a8f98", "#d1495b"
_GROUPS = 10
_MOST_POINTS = 2_000


def html(manifest: Manifest, trained: Trained, stage: str) -> str:
    """Raises `SettingsError` where the extra for plots is missing."""
    return page(
        f"model {manifest.version}",
        f"""<h1>{escape(", ".join(manifest.symbols[:5]))} at {manifest.timeframe.value}</h1>
<p>Model <code>{escape(manifest.version)}</code>, {escape(stage)}. <strong>{escape(in_words(manifest))}</strong></p>
{table(("out of sample", "value", "from", "to"), verdict_rows(manifest))}
<h2>What it would have earned</h2>
<p>Walk forward, after costs of {_costs(manifest)} bps a side, candle by candle; beside it the market itself.</p>
{_equity_plot(trained)}
<h2>Is a probability what happens?</h2>
<p>Samples in {_GROUPS} groups by the probability that was said, and the share of each that rose.</p>
{_calibration_plot(trained)}
<h2>What it looks at</h2>
{_gain_plot(manifest)}
<h2>What it is made from</h2>
{table(("", ""), [*lineage_rows(manifest)])}
""",
    )


def in_words(manifest: Manifest) -> str:
    """One sentence."""
    verdict = manifest.verdict
    p_value, net = f"p {verdict.skill_p_value:.4f}", f"{verdict.net_return_pct:+.2f} %"
    if not verdict.has_skill:
        return f"No skill: luck does as well too often ({p_value}, asked {manifest.recipe.alpha:g})."
    if not verdict.is_worth_it:
        return f"Skill ({p_value}), but it does not pay its costs ({net})."
    return f"Skill ({p_value}), and {net} after costs."


def verdict_rows(manifest: Manifest) -> list[tuple[str, ...]]:
    """(what, value, from, to); empty bounds where there are none."""
    verdict = manifest.verdict
    return [
        ("samples", f"{verdict.samples:,}", "", ""),
        ("luck does as well (timing of scores)", f"{verdict.skill_p_value:.4f}", "", ""),
        ("luck does as well (timing of trades)", f"{verdict.entry_p_value:.4f}", "", ""),
        _interval("correlation of scores and outcomes", verdict.information_coefficient, "{:+.4f}"),
        _interval("right, of the samples with a position", verdict.hit_rate, "{:.3f}"),
        _interval("closer to what happened than the base rate (Brier)", verdict.brier_gain, "{:+.5f}"),
        *_against_parent(verdict),
        _interval("net, bps a day", verdict.net_bps_a_day, "{:+.2f}"),
        ("net, %", f"{verdict.net_return_pct:+.2f}", "", ""),
        ("buy and hold, %", f"{verdict.buy_and_hold_pct:+.2f}", "", ""),
        ("the same trades at other times, %", f"{verdict.random_entry_pct:+.2f}", "", ""),
        ("deepest fall, %", f"{verdict.max_drawdown_pct:.2f}", "", ""),
        ("turnover a day", f"{verdict.turnover_a_day:.2f}", "", ""),
        ("in the market, %", f"{verdict.share_in_market_pct:.1f}", "", ""),
    ]


def _against_parent(verdict: Verdict) -> list[tuple[str, ...]]:
    gain, what = verdict.gain_over_parent, "closer to what happened than the live model (Brier)"
    return [(what, "not compared", "", "")] if gain is None else [_interval(what, gain, "{:+.5f}")]


def lineage_rows(manifest: Manifest) -> list[tuple[str, str]]:
    label = manifest.recipe.label
    return [
        ("candles", f"{_date(manifest.window_from_ms)} to {_date(manifest.window_to_ms)}, {manifest.venue}"),
        ("samples", f"{manifest.samples:,}"),
        ("label", f"{label.kind}, {label.horizon_candles} candles"),
        ("features", f"{len(manifest.schema.columns)} columns, schema {manifest.schema_hash}"),
        ("fingerprint of the candles", manifest.data_fingerprint),
        ("code", manifest.code),
        ("libraries", ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())),
        ("seed", str(manifest.recipe.seed)),
        ("parent", manifest.parent or "none"),
        ("expires", _date(manifest.expires_ms)),
    ]


def _interval(what: str, metric: Metric, form: str) -> tuple[str, ...]:
    bounds = ("" if each is None else form.format(each) for each in (metric.low, metric.high))
    return (what, form.format(metric.value), *bounds)


def _equity_plot(trained: Trained) -> str:
    held = trained.validation.held
    figure, (axes,) = new_figure(7.6, 3.4)
    thin = max(1, len(held.market) // _MOST_POINTS)
    opens_ms = held.market.first_open_ms + held.market.candle_ms * np.arange(len(held.market))
    times = pd.to_datetime(opens_ms[::thin], unit="ms").to_numpy()
    lines = (
        ("the model", held.net(trained.recipe.costs), _OURS),
        ("buy and hold", held.market.change.mean(axis=1), _MARKET),
    )
    for name, returns, colour in lines:
        axes.plot(times, 100 * (np.cumprod(1 + returns) - 1)[::thin], color=colour, label=name, linewidth=1)
    axes.set_ylabel("%")
    axes.grid(visible=True, axis="y", alpha=0.3)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    figure.autofmt_xdate()
    return svg(figure)


def _calibration_plot(trained: Trained) -> str:
    validation = trained.validation
    said, rose = validation.answers.probabilities, validation.samples.is_up
    groups = np.array_split(np.argsort(said, kind="stable"), _GROUPS)
    figure, (axes,) = new_figure(4.2, 3.4)
    means = [float(said[each].mean()) for each in groups if len(each)]
    shares = [float(rose[each].mean()) for each in groups if len(each)]
    ends = [min(*means, *shares), max(*means, *shares)]
    axes.plot(ends, ends, color=_CHANCE, linewidth=1)
    axes.plot(means, shares, color=_OURS, marker="o", markersize=4, linewidth=1)
    axes.set_xlabel("probability that was said")
    axes.set_ylabel("share that rose")
    return svg(figure)


def _gain_plot(manifest: Manifest) -> str:
    best = sorted(manifest.gains.items(), key=lambda each: -each[1])[:12]
    figure, (axes,) = new_figure(7.6, 0.5 + 0.25 * len(best))
    axes.barh(range(len(best)), [share for _, share in best], color=_OURS)
    axes.set_yticks(range(len(best)), [name for name, _ in best])
    axes.set_xlabel("share of what the trees gained")
    axes.invert_yaxis()
    return svg(figure)


def _costs(manifest: Manifest) -> str:
    return f"{manifest.recipe.costs.side * 10_000:g}"


def _date(time_ms: int) -> str:
    return f"{pd.Timestamp(time_ms, unit='ms'):%Y-%m-%d %H:%M}"
