"""From a model's score to a probability, learned from samples that the model has not seen."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

_EPSILON = 1e-6
_GROUP = 200
_PLATT_POINTS = 101

CalibrationKind = Literal["platt", "isotonic", "none"]


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A curve through `points` (score, probability), straight between them, level outside. Both rise."""

    kind: CalibrationKind
    points: tuple[tuple[float, float], ...] = ()
    """Empty for `none`: the score is the probability."""

    def apply(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities in [0, 1]; (n,)."""
        if not self.points:
            return scores
        known, meant = zip(*self.points, strict=True)
        probabilities: NDArray[np.float64] = np.interp(scores, known, meant)
        return probabilities


def calibrate(scores: NDArray[np.float64], is_up: NDArray[np.bool_], kind: CalibrationKind) -> Calibration:
    """`platt`: a logistic curve of the score's log-odds (Platt 1999); where the better scores did worse it is level, at
    the share that rose. `isotonic`: the rising steps that fit best (Zadrozny and Elkan 2002), which needs many samples.
    Needs samples of both classes."""
    if kind == "isotonic":
        return _isotonic(scores, is_up)
    if kind == "platt":
        return _platt(scores, is_up)
    return Calibration("none")


def _isotonic(scores: NDArray[np.float64], is_up: NDArray[np.bool_]) -> Calibration:
    """Over groups of neighbours: single samples at the ends would be certainties."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415  an extra, and slow to import

    groups = np.array_split(np.argsort(scores, kind="stable"), max(1, len(scores) // _GROUP))
    middles = [float(scores[each].mean()) for each in groups]
    shares = [float(is_up[each].mean()) for each in groups]
    risen = IsotonicRegression().fit_transform(middles, shares, sample_weight=[len(each) for each in groups])
    return Calibration("isotonic", tuple(zip(middles, risen.tolist(), strict=True)))


def _platt(scores: NDArray[np.float64], is_up: NDArray[np.bool_]) -> Calibration:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  an extra, and slow to import

    odds, share = _log_odds(scores), float(is_up.mean())
    centre, spread = float(odds.mean()), float(odds.std())
    slope, level = 0.0, 0.0
    if spread > _EPSILON:
        fitted = LogisticRegression(C=np.inf).fit(((odds - centre) / spread).reshape(-1, 1), is_up)
        slope, level = max(0.0, float(fitted.coef_[0, 0])), float(fitted.intercept_[0])
    if slope == 0.0:
        return Calibration("platt", ((0.0, share), (1.0, share)))
    # No further than the scores that it was learned from: beyond them the curve is level.
    grid = np.linspace(float(scores.min()), float(scores.max()), _PLATT_POINTS)
    curve = 1.0 / (1.0 + np.exp(-(level + slope * (_log_odds(grid) - centre) / spread)))
    return Calibration("platt", tuple(zip(grid.tolist(), curve.tolist(), strict=True)))


def _log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(scores, _EPSILON, 1.0 - _EPSILON)
    odds: NDArray[np.float64] = np.log(clipped / (1.0 - clipped))
    return odds
