"""The nouns of trading as frozen values: instruments, money, candles, events, signals, orders, positions, errors.

Lives at the bottom of the house: imports nothing of `core`, does no I/O, reads no clock.
"""
