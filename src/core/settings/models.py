"""`[models]`: how models are trained, and for how long they may be asked."""

from typing import Literal, Self

from pydantic import Field, model_validator

from core.settings.section import Section


class ModelsSettings(Section):
    """Files and registry are in `models` below `storage.data_dir`."""

    training_mode: Literal["single_symbol", "multi_symbol"] = "single_symbol"
    """A model for each symbol, or one for all of them."""
    symbol_encoding: Literal["none", "index", "one_hot"] = "none"
    """How a model of many symbols is told which one it looks at."""
    label: Literal["forward_return", "triple_barrier"] = "forward_return"
    """What a model foresees: the return after `horizon_candles`, or which of two barriers is reached first by then."""
    horizon_candles: int = Field(default=15, ge=1, le=10_000)
    barrier_volatilities: float = Field(default=1.0, gt=0, le=20)
    """Distance of the barriers, in volatilities of the whole horizon."""
    fee_bps: float = Field(default=5.0, ge=0, le=1_000)
    slippage_bps: float = Field(default=2.0, ge=0, le=1_000)
    """Both of one side of a trade."""
    may_short: bool = True
    folds: int = Field(default=5, ge=2, le=50)
    """Of the walk-forward validation."""
    embargo_candles: int = Field(default=60, ge=0)
    """Left out before each test, on top of the candles whose outcome reaches into it."""
    alpha: float = Field(default=0.01, gt=0, lt=0.5)
    """How often luck may be called skill."""
    min_samples: int = Field(default=2_000, ge=200)
    calibration: Literal["platt", "isotonic", "none"] = "platt"
    seed: int = Field(default=7, ge=0)
    retrain_every_h: float = Field(default=24.0, gt=0)
    expire_after_h: float = Field(default=168.0, gt=0)
    """An older model is not asked any more."""
    train_beside: bool = False
    """The daemon trains what its strategies ask for and what is due, in one process at a time. False: a timer does."""
    training_niceness: int = Field(default=15, ge=0, le=19)
    training_memory_mb: int = Field(default=2_048, ge=256)
    """Private memory that the daemon's training may take; beyond it ends as failed."""
    training_limit_s: float = Field(default=7_200.0, gt=0)
    """Real time that the daemon's training may take for all that was due; then it is ended."""
    look_every_s: float = Field(default=5.0, gt=0, le=3_600)
    """Real time between two looks of the daemon for a new live model."""
    batch_limit_ms: float = Field(default=250.0, gt=0)
    """A model that takes longer for all symbols of a strategy does not come into use."""

    @model_validator(mode="after")
    def _encoding_fits_mode(self) -> Self:
        if self.training_mode == "single_symbol" and self.symbol_encoding != "none":
            raise ValueError(f'symbol_encoding = "{self.symbol_encoding}" needs training_mode = "multi_symbol"')
        return self

    @model_validator(mode="after")
    def _trained_before_it_expires(self) -> Self:
        if self.expire_after_h <= self.retrain_every_h:
            raise ValueError(
                f"expire_after_h = {self.expire_after_h:g} is not above retrain_every_h = {self.retrain_every_h:g}:"
                " models would expire before others take their place"
            )
        return self
