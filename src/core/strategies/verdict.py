"""Is a strategy's answer one that can be acted on? The line between user code and the house."""

import math
import numbers
import traceback
from collections.abc import Mapping
from pathlib import Path

from core.domain.reason_codes import ReasonCode, because
from core.domain.reasons import Reason
from core.domain.signals import Direction, Signal

_LONGEST_TEXT = 200


def check_features(features: Mapping[str, float]) -> Reason | None:
    """`STRATEGY_NAN` with the first feature whose newest value is not a finite number."""
    for name, value in features.items():
        if not math.isfinite(value):
            return because(ReasonCode.STRATEGY_NAN, feature=name, value=value)
    return None


def check_signal(answer: object) -> Signal | Reason:
    """The signal in plain Python types, or what is wrong with it."""
    if not isinstance(answer, Signal):
        return invalid("type", type(answer).__name__, "signal() must return a Signal")
    if not isinstance(answer.direction, Direction):
        return invalid("direction", answer.direction, "must be a Direction")
    strength = _number("strength", answer.strength)
    stop = _distance("stop_distance", answer.stop_distance)
    target = _distance("target_distance", answer.target_distance)
    trailing = _distance("trailing_distance", answer.trailing_distance)
    for value in (strength, stop, target, trailing):
        if isinstance(value, Reason):
            return value
    if not isinstance(strength, float) or not 0 <= strength <= 1:
        return invalid("strength", strength, "must be within [0, 1]")
    return Signal(
        direction=answer.direction,
        strength=strength,
        stop_distance=stop if isinstance(stop, float) else None,
        target_distance=target if isinstance(target, float) else None,
        reason=_text(answer.reason)[:_LONGEST_TEXT],
        hold=bool(answer.hold),
        trailing_distance=trailing if isinstance(trailing, float) else None,
    )


def raised(error: BaseException) -> Reason:
    """`STRATEGY_RAISED` with type, message and the innermost line of code that is not a library's."""
    message = " ".join(_text(error).split())[:_LONGEST_TEXT]
    return because(ReasonCode.STRATEGY_RAISED, error=type(error).__name__, at=place(error), message=message)


def place(error: BaseException, *, whole_path: bool = False) -> str:
    """`file.py:12` of the innermost frame outside installed packages, else of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not {"site-packages", "dist-packages"} & set(Path(frame.filename).parts)]
    if not frames:
        return "unknown"
    frame = (own or frames)[-1]
    return f"{frame.filename if whole_path else Path(frame.filename).name}:{frame.lineno}"


def _text(value: object) -> str:
    """`str`, for objects whose own code may be at fault too; what no terminal should be given is spelled out."""
    try:
        text = str(value)
    except Exception:  # user code's own __str__
        return f"<{type(value).__name__}>"
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(each: str) -> str:
    """`\\x1b` for an escape; spaces for line breaks and tabs."""
    if each.isprintable():
        return each
    return " " if each.isspace() else each.encode("unicode_escape").decode()


def _number(field: str, value: object) -> float | Reason:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return invalid(field, value, "must be a number")
    if not math.isfinite(value):
        return because(ReasonCode.STRATEGY_NAN, field=field, value=float(value))
    return float(value)


def _distance(field: str, value: object) -> float | Reason | None:
    if value is None:
        return None
    number = _number(field, value)
    if isinstance(number, float) and number <= 0:
        return invalid(field, number, "must be positive")
    return number


def invalid(field: str, value: object, must: str) -> Reason:
    """`STRATEGY_INVALID_OUTPUT` naming the field, what it was and what it should have been."""
    return because(ReasonCode.STRATEGY_INVALID_OUTPUT, field=field, value=_text(value)[:_LONGEST_TEXT], must=must)
