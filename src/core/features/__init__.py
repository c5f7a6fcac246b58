"""Indicators on candle windows, the schema that names them, and the newest features of many symbols at once.

The daemon names schemas and asks; workers compute. Imports `market` for the rings, `compute` for the workers.
"""
