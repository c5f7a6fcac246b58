"""Indicators on candle windows and the schema that names them. Pure; runs in workers. Imports `domain` only."""
