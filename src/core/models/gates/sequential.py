"""Is a candidate no worse than the live model? A test that may be looked at after every round, for as long as it takes.

Both models forecast the same things; a round is the difference of their losses. Against "the candidate is worse by
`margin` or more" one bets: the stake grows where the candidate does better than that, and were it as bad as that the
stake would not be expected to grow, whatever it did before. By Ville's inequality (1939) such a stake, 1 at first, ever
reaches 1 / alpha with a probability of at most alpha. Bets of several sizes are made side by side and their stakes
averaged, so that none must be chosen from the data (mixtures: Robbins 1970; bets on bounded means: Waudby-Smith and
Ramdas 2023). The same is done with the sides changed.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

_BETS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7])
"""Shares of the stake. With losses within [0, 1] and margins below `_MARGIN_BELOW` none can lose all of it."""
_MARGIN_BELOW = 0.4


class Standing(StrEnum):
    UNDECIDED = "undecided"
    NO_WORSE = "no_worse"
    WORSE = "worse"


class NoWorseTest:
    """One candidate beside one live model.

    Rounds must not overlap: a label that reaches into the next round makes neighbours alike, and alpha would no longer
    hold. One round per horizon, the mean over all symbols, is right. Once decided it stays decided.

    Raises `ValueError` for an alpha outside (0, 0.5] or a margin outside [0, 0.4).
    """

    def __init__(self, alpha: float, margin: float) -> None:
        """`alpha`: how often it may be wrong, each way. `margin`: the loss, in the unit of the rounds, that counts as
        no worse."""
        if not 0.0 < alpha <= 0.5:
            raise ValueError(f"alpha = {alpha} is not within (0, 0.5]")
        if not 0.0 <= margin < _MARGIN_BELOW:
            raise ValueError(f"margin = {margin} is not within [0, {_MARGIN_BELOW})")
        self._needed = -np.log(alpha)
        self._margin = margin
        self._for = np.zeros_like(_BETS)
        self._against = np.zeros_like(_BETS)
        self.standing = Standing.UNDECIDED
        self.rounds = 0

    def learn(self, candidate_loss: float, live_loss: float) -> Standing:
        """Losses within [0, 1], as those of Brier are. Raises `ValueError` for others, NaN included."""
        if not (0.0 <= candidate_loss <= 1.0 and 0.0 <= live_loss <= 1.0):
            raise ValueError(f"losses {candidate_loss} and {live_loss} are not both within [0, 1]")
        if self.standing is not Standing.UNDECIDED:
            return self.standing
        self.rounds += 1
        gain = self._margin - (candidate_loss - live_loss)
        self._for += np.log1p(_BETS * gain)
        self._against += np.log1p(-_BETS * gain)
        if _log_mean(self._for) >= self._needed:
            self.standing = Standing.NO_WORSE
        elif _log_mean(self._against) >= self._needed:
            self.standing = Standing.WORSE
        return self.standing


def _log_mean(logarithms: ArrayLike) -> float:
    """Of the stakes, which themselves would overflow."""
    values = np.asarray(logarithms, dtype=np.float64)
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).mean()))
