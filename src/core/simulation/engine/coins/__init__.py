"""What is traded on a coin's index: a perpetual, futures and options as Deribit lists them, priced in the coin.

All of it is a function of seed, instrument and time, as the underlyings are. May import the engine's underlyings and
options; never the server.
"""
