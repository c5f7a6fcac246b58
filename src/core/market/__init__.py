"""What is known of the market now: candle rings in shared memory, order books, latest quotes, and how healthy the feeds
are that bring them.

May import `compute`, `runtime`, `ports` and `domain`. What is known is kept by states without I/O (save the memory that
the rings live in) and without a clock of their own: time comes as an argument, so a test can drive each. Only
`fetching` and `feed_care` act.
"""
