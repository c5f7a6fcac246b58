"""Models and trainings, drawn for a person and as documents for a machine."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pandas as pd
from rich.table import Table
from rich.text import Text

from core.models.coverage import Broke, Interrupted, Outcome, Refused, Short, Succeeded
from core.models.registry.registry import Registered, StageChange
from core.models.training.report import in_words, lineage_rows, verdict_rows
from core.models.training.session import Attended, Passed

_STAGE_STYLE = {
    "live": "bold green",
    "canary": "green",
    "shadow": "cyan",
    "candidate": "",
    "retired": "dim",
    "rejected": "red",
}
_NO_MODELS = "no models yet; `live_bot.py train` makes some"


def session_table(attended: Sequence[Attended], passed: Sequence[Passed]) -> Table:
    table = Table()
    for name in ("symbol", "outcome", "model", "stage"):
        table.add_column(name, overflow="fold", no_wrap=name == "model")
    table.add_column("what was found", overflow="fold")
    for each in attended:
        model = "" if each.manifest is None else each.manifest.version
        found = _reason(each.outcome) if each.manifest is None else in_words(each.manifest)
        stage = "" if each.stage is None else each.stage.value
        table.add_row(", ".join(each.symbols), _word(each.outcome), model, stage, found)
    for other in passed:
        until = "" if other.due_at_ms is None else f"; next on {_time(other.due_at_ms)}"
        table.add_row(other.symbol, Text(other.word, style="dim"), "", "", f"{other.reason}{until}")
    return table


def session_document(attended: Sequence[Attended], passed: Sequence[Passed]) -> dict[str, Any]:
    """Times are UTC ms."""
    return {
        "trained": [
            {
                "symbols": each.symbols,
                "outcome": _word(each.outcome),
                "reason": _reason(each.outcome),
                "version": None if each.manifest is None else each.manifest.version,
                "stage": each.stage,
                "verdict": None if each.manifest is None else each.manifest.verdict,
            }
            for each in attended
        ],
        "passed": [
            {"symbol": each.symbol, "state": each.word, "reason": each.reason, "due_at_ms": each.due_at_ms}
            for each in passed
        ],
    }


def models_table(models: Sequence[Registered]) -> Table | str:
    if not models:
        return _NO_MODELS
    table = Table()
    for name in ("model", "scope", "stage", "skill p", "net %", "expires"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("skill p", "net %") else "left")
    for each in models:
        verdict = each.manifest.verdict
        stage = f"{each.stage.value}{' (pinned)' if each.is_pinned else ''}"
        table.add_row(
            each.version,
            each.manifest.scope,
            Text(stage, style=_STAGE_STYLE[each.stage]),
            f"{verdict.skill_p_value:.4f}",
            f"{verdict.net_return_pct:+.2f}",
            _time(each.manifest.expires_ms),
        )
    return table


def model_table(model: Registered, life: Sequence[StageChange]) -> Table:
    """All that is known of one."""
    table = Table(title=f"{model.version}: {model.stage}", title_justify="left", show_header=False)
    for row in (("scope", model.manifest.scope), *_facts(model), *_life(life)):
        table.add_row(*row)
    return table


def comparison_table(models: Sequence[Registered]) -> Table:
    """Side by side; the first is the one that the others are held against."""
    table = Table()
    table.add_column("")
    for each in models:
        table.add_column(f"{each.version}\n{each.stage.value}", overflow="fold")
    facts = [_facts(each) for each in models]
    for rows in zip(*facts, strict=True):
        values = [value for _, value in rows]
        is_other = [value != values[0] for value in values]
        table.add_row(
            rows[0][0],
            *(Text(value, style="bold" if other else "") for value, other in zip(values, is_other, strict=True)),
        )
    return table


def document(model: Registered, life: Sequence[StageChange] = ()) -> dict[str, Any]:
    """Times are UTC ms."""
    return {
        "version": model.version,
        "scope": model.manifest.scope,
        "stage": model.stage,
        "is_pinned": model.is_pinned,
        "manifest": msgspec.structs.asdict(model.manifest) | {"checks": len(model.manifest.checks)},
        "life": [
            {"at_ms": each.at_ms, "event": each.event, "stage": each.stage, "reason": each.reason} for each in life
        ],
    }


def _facts(model: Registered) -> list[tuple[str, str]]:
    rows = [("finding", in_words(model.manifest))]
    for what, value, low, high in verdict_rows(model.manifest):
        rows.append((what, f"{value} ({low} to {high})" if low else value))
    return rows + lineage_rows(model.manifest)


def _life(life: Sequence[StageChange]) -> list[tuple[str, str]]:
    return [(_time(each.at_ms), f"{each.event}: {each.stage}, {each.reason}") for each in life]


def _word(outcome: Outcome) -> str:
    match outcome:
        case Succeeded():
            return "trained"
        case Short():
            return "too short"
        case Refused():
            return "unfit"
        case Broke():
            return "failed"
        case Interrupted():
            return "cut off"


def _reason(outcome: Outcome) -> str:
    return getattr(outcome, "reason", "")


def _time(time_ms: int) -> str:
    return f"{pd.Timestamp(time_ms, unit='ms'):%Y-%m-%d %H:%M} UTC"
