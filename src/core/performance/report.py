"""The report: one HTML file that loads nothing from anywhere."""

from html import escape

from core.figures import page, table
from core.performance.comparison import Comparison
from core.performance.plots import lag_plot, success_plot, throughput_plot
from core.performance.wording import ROUNDS_NOTE, headings, machine, rows, verdict_words, workload_words


def html(comparison: Comparison, command: str, when: str) -> str:
    """`command`: as it was typed, `when`: as it is to be read. Raises `SettingsError` where the extra for plots is
    missing."""
    body = f"""<h1>The same work, done in three ways</h1>
<pre>{escape(command)}</pre>
<p>{escape(when)}; {escape(machine())}.</p>
<p>{escape(workload_words(comparison))}</p>
<p><strong>{escape(verdict_words(comparison))}</strong></p>
{table(headings(), list(rows(comparison)))}
<p>{escape(ROUNDS_NOTE)}</p>
<h2>How late the loop is</h2>
{lag_plot(comparison)}
<h2>How much is done</h2>
{throughput_plot(comparison)}
<h2>How much of it succeeds</h2>
{success_plot(comparison)}
"""
    return page("performance", body)
