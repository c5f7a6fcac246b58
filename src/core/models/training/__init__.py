"""How models are trained: pure functions over candle columns. Nothing here knows a venue, a clock or the registry."""
