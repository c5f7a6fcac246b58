"""A spot exchange and its market as a pure, synchronous library: matching, accounts, fees, market models.

No I/O, no clock, no global randomness: the caller gives the time (UTC ns of venue time, never going back) with every
call and a seed at construction, and gets frozen, sequence-numbered events back. The same calls with the same seed give
the same events in any process.

Units: prices are whole ticks, quantities whole lots, money (balances, fees, quote amounts) whole atoms of 1e-8. Floats
live in the market models alone and are rounded to ticks and lots where they become orders.

May import `core.domain` only.
"""
