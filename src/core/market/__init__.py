"""What is known of the market now: candle rings in shared memory, order books, latest quotes, and how healthy the feeds
are that bring them.

Imports `domain`, `ports` and numpy. No I/O except the memory that the rings live in, no clock of its own: time comes as
an argument, so every state here can be driven by a test.
"""
