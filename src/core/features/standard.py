"""The built-in features: what a model of short-term movement is fed when nobody says otherwise.

All of them are free of the price's scale (ratios, percentages, oscillators), so that one model may learn from many
symbols.
"""

from core.features.schema import Feature, FeatureSchema

STANDARD = FeatureSchema(
    (
        *(Feature.of("change", period=candles) for candles in (1, 5, 20, 60)),
        *(Feature.of("ema_gap", period=candles) for candles in (9, 21, 50)),
        Feature.of("sma_gap", period=100),
        Feature.of("ppo"),
        Feature.of("trix"),
        Feature.of("slope"),
        Feature.of("directional"),
        Feature.of("rsi", period=7),
        Feature.of("rsi", period=14),
        Feature.of("cmo"),
        Feature.of("williams"),
        Feature.of("stochastic"),
        Feature.of("stochastic_rsi"),
        Feature.of("natr", period=7),
        Feature.of("natr", period=14),
        Feature.of("bollinger_place"),
        Feature.of("deviation", period=20),
        Feature.of("channel_place", period=20),
        Feature.of("money_flow"),
        Feature.of("volume_ratio"),
        Feature.of("balance"),
        Feature.of("shadow"),
    )
)
"""33 columns; `warmup` 282 candles."""
