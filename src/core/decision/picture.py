"""The inputs of a decision in words, for the record."""

from decimal import Decimal

from core.decision.inputs import DecisionInputs
from core.domain.freshness import Moment, event_age_s
from core.domain.signals import Signal
from core.strategies.spec import Evaluation


def candle_age_s(inputs: DecisionInputs, now: Moment) -> float:
    """Real seconds since the close, by the venue's clock or since we had it, whichever is longer."""
    age_s = inputs.candle.age_s(now)
    return age_s if inputs.candle.event_ns is None else max(age_s, event_age_s(inputs.candle.event_ns, now))


def picture(inputs: DecisionInputs, now: Moment) -> dict[str, str]:
    words = {"candle_age_s": f"{candle_age_s(inputs, now):.3f}"}
    if inputs.quote is not None:
        words |= {
            "bid": _plain(inputs.quote.bid),
            "ask": _plain(inputs.quote.ask),
            "quote_age_s": f"{inputs.quote.stamp.age_s(now):.3f}",
        }
    if inputs.balance is not None:
        words["balance_age_s"] = f"{inputs.balance.age_s(now):.3f}"
    words |= {
        "equity": f"{inputs.equity:.2f}",
        "position": _plain(inputs.held),
        "in_flight": _plain(inputs.in_flight),
    }
    if inputs.by_hand:
        words["by_hand"] = _plain(inputs.by_hand)
    for evaluation in inputs.evaluations:
        words |= _evaluation(evaluation)
    return words


def timings_ms(inputs: DecisionInputs) -> dict[str, float]:
    """Time in the worker, per strategy."""
    return {f"strategy.{each.strategy}": each.compute_us / 1_000 for each in inputs.evaluations}


def _plain(amount: Decimal) -> str:
    """Without exponent and trailing zeros."""
    return f"{amount.normalize():f}"


def _evaluation(evaluation: Evaluation) -> dict[str, str]:
    name = evaluation.strategy
    words = {f"signal.{name}": str(evaluation.error) if evaluation.signal is None else _signal(evaluation.signal)}
    if evaluation.features_hash:
        words[f"features_hash.{name}"] = evaluation.features_hash
    words |= {f"feature.{name}.{feature}": f"{value:.6g}" for feature, value in evaluation.features.items()}
    analytics = evaluation.analytics
    if analytics is not None:
        words["last_close"] = f"{analytics.last_close:.10g}"
        if analytics.annualised_volatility is not None:
            words["volatility_pct"] = f"{analytics.annualised_volatility * 100:.4g}"
    return words


def _signal(signal: Signal) -> str:
    word = "HOLD" if signal.hold else f"{signal.direction.name} strength={signal.strength:g}"
    return f"{word} {signal.reason}".rstrip()
