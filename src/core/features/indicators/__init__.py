"""All indicators by name, in the order in which people look for them."""

from collections.abc import Mapping

from core.features.indicator import Indicator
from core.features.indicators.momentum import MOMENTUM
from core.features.indicators.shape import SHAPE
from core.features.indicators.trend import TREND
from core.features.indicators.volatility import VOLATILITY
from core.features.indicators.volume import VOLUME

INDICATORS: Mapping[str, Indicator] = {**TREND, **MOMENTUM, **VOLATILITY, **VOLUME, **SHAPE}
