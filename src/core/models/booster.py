"""LightGBM, the extra `ml`: the only file that imports it, and only when it is used."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.domain.errors import ArtifactBad, SettingsError


class TreeParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of LightGBM's parameters is ours to choose; small trees, since there is little to see and much noise."""

    learning_rate: float = 0.03
    max_rounds: int = 400
    """Trees at most; fewer where the samples set aside for it got no better for `patience_rounds`."""
    patience_rounds: int = 30
    num_leaves: int = 8
    min_data_in_leaf: int = 100
    feature_fraction: float = 0.5
    bagging_fraction: float = 0.7
    lambda_l2: float = 10.0


def require_lightgbm() -> Any:
    """Raises `SettingsError` where the extra is missing: call it before minutes of work."""
    try:
        import lightgbm  # noqa: PLC0415  an extra, and slow to import
        import sklearn  # noqa: F401, PLC0415  as above
    except (ImportError, OSError) as error:
        raise SettingsError(f"models need the extra 'ml': pip install lightgbm scikit-learn ({error})") from error
    return lightgbm


def lightgbm_version() -> str:
    return str(require_lightgbm().__version__)


class Examples(NamedTuple):
    features: NDArray[np.float64]  # (n_rows, n_columns)
    is_up: NDArray[np.bool_]  # (n_rows,)


def grow(training: Examples, stopping: Examples, parameters: TreeParameters, seed: int) -> "Trees":
    """The same trees for the same input on the same machine: one thread, every choice drawn from `seed`."""
    lightgbm = require_lightgbm()
    given = {
        **_chosen(parameters),
        "objective": "binary",
        "metric": "binary_logloss",
        "bagging_freq": 1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
    }
    learnt = lightgbm.Dataset(training.features, training.is_up.astype(np.float64))
    held_back = learnt.create_valid(stopping.features, stopping.is_up.astype(np.float64))
    stop_early = lightgbm.early_stopping(parameters.patience_rounds, verbose=False)
    booster = lightgbm.train(given, learnt, parameters.max_rounds, valid_sets=[held_back], callbacks=[stop_early])
    return Trees(booster.model_to_string(num_iteration=booster.best_iteration))


class Trees:
    """A grown model as its text; read when it is first asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._booster: Any = None

    def read(self, n_columns: int) -> None:
        """Raises `ArtifactBad` for text that is no model, or one of other columns."""
        lightgbm = require_lightgbm()
        if not self.text.startswith("tree\n") or "\nend of trees\n" not in self.text:
            raise ArtifactBad("the model's text is cut off, or no LightGBM model")
        try:
            booster = lightgbm.Booster(model_str=self.text)
        except lightgbm.basic.LightGBMError as error:
            raise ArtifactBad(f"LightGBM can't read the model's text: {error}") from error
        if booster.num_feature() != n_columns:
            raise ArtifactBad(f"the model takes {booster.num_feature()} columns, and {n_columns} were said")
        self._booster = booster

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_rows,) in (0, 1). One thread."""
        if self._booster is None:
            self.read(features.shape[1])
        if not len(features):
            return np.empty(0)
        answered: NDArray[np.float64] = self._booster.predict(features, num_threads=1)
        return answered

    def gains(self, columns: Sequence[str]) -> dict[str, float]:
        """Share of what was gained by splitting on each column; sums to 1 where there is any split."""
        if self._booster is None:
            self.read(len(columns))
        gained = np.asarray(self._booster.feature_importance("gain"), np.float64)
        shares = gained / (gained.sum() or 1.0)
        return dict(zip(columns, shares.tolist(), strict=True))


def _chosen(parameters: TreeParameters) -> Mapping[str, Any]:
    ours = msgspec.structs.asdict(parameters)
    return {name: value for name, value in ours.items() if name not in ("max_rounds", "patience_rounds")}
