"""Listed options: which contracts exist, and what they are worth on a volatility surface that allows no arbitrage.

Prices and greeks are those of `fast_vollib`, a library that the bot's own option code does not use: a mistake in either
can't hide in the other. May import the engine's underlyings; never the server.
"""
