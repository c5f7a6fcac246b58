"""Plots as SVG text, and the page around them, which loads nothing from anywhere: the extra `report`."""

import io
import re
from html import escape
from typing import TYPE_CHECKING

from core.domain.errors import SettingsError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1e21; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid #d8dbdf; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; }
pre { background: #f3f4f6; padding: .6rem; overflow-x: auto; }
"""


def require_plots() -> None:
    """Raises `SettingsError` where the extra is missing: call it before minutes of work."""
    try:
        import matplotlib  # noqa: F401, PLC0415  an extra, and slow to import
    except ImportError as error:
        raise SettingsError(f"the HTML report needs the extra 'report': pip install matplotlib ({error})") from error


def new_figure(width: float, height: float, columns: int = 1) -> "tuple[Figure, list[Axes]]":
    """In inches. No pyplot: nothing global, no window."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra, and slow to import

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = list(figure.subplots(1, columns, squeeze=False)[0])
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def svg(figure: "Figure") -> str:
    """For inlining: no prologue, no metadata, text as text in the reader's own fonts."""
    import matplotlib as mpl  # noqa: PLC0415  an extra, and slow to import

    drawn = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "metronome"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    text = drawn.getvalue()
    return re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)


def page(title: str, body: str) -> str:
    """A whole HTML document; `body` is HTML."""
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Metronome: {escape(title)}</title><style>{_STYLE}</style></head>
<body>
{body}</body>
</html>
"""


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    body = "".join(f"<tr>{_cells('td', row)}</tr>" for row in rows)
    return f"<table><thead><tr>{_cells('th', headings)}</tr></thead><tbody>{body}</tbody></table>"


def _cells(tag: str, texts: tuple[str, ...]) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)
