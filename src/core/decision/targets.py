"""What each strategy of a symbol asks for, as signed fraction of equity, carried between decisions. Pure."""

from collections.abc import Mapping, Sequence

from core.risk.sizing import Stake


def carried(targets: Mapping[str, float], strategies: Sequence[str], stake: Stake) -> dict[str, float]:
    """The targets that still stand.

    Nobody holds anything where nothing is held: a stop, or an entry that never filled, ends what its strategies asked
    for. Strategies that have not spoken since the start share what the others don't explain of the position.
    """
    if stake.is_dust(stake.expected):
        return dict.fromkeys(strategies, 0.0)
    known = {strategy: targets[strategy] for strategy in strategies if strategy in targets}
    silent = [strategy for strategy in strategies if strategy not in targets]
    unexplained = stake.fraction - sum(known.values())
    share = unexplained / len(silent) if silent and unexplained * stake.fraction > 0 else 0.0
    return {**known, **dict.fromkeys(silent, share)}


def net(targets: Mapping[str, float], limit: float) -> float:
    """The symbol's target: their sum, within `limit` either way."""
    return max(-limit, min(limit, sum(targets.values())))
