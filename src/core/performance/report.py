"""The report: one HTML file that loads nothing from anywhere."""

from html import escape

from core.performance.comparison import Comparison
from core.performance.plots import lag_plot, success_plot, throughput_plot
from core.performance.wording import ROUNDS_NOTE, headings, machine, rows, verdict_words, workload_words

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1e21; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid #d8dbdf; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; }
pre { background: #f3f4f6; padding: .6rem; overflow-x: auto; }
"""


def html(comparison: Comparison, command: str, when: str) -> str:
    """`command`: as it was typed, `when`: as it is to be read. Raises `SettingsError` where the extra for plots is
    missing."""
    table = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows(comparison))
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Metronome: performance</title><style>{_STYLE}</style></head>
<body>
<h1>The same work, done in three ways</h1>
<pre>{escape(command)}</pre>
<p>{escape(when)}; {escape(machine())}.</p>
<p>{escape(workload_words(comparison))}</p>
<p><strong>{escape(verdict_words(comparison))}</strong></p>
<table><thead><tr>{_cells("th", headings())}</tr></thead><tbody>{table}</tbody></table>
<p>{escape(ROUNDS_NOTE)}</p>
<h2>How late the loop is</h2>
{lag_plot(comparison)}
<h2>How much is done</h2>
{throughput_plot(comparison)}
<h2>How much of it succeeds</h2>
{success_plot(comparison)}
</body>
</html>
"""


def _cells(tag: str, texts: tuple[str, ...]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
