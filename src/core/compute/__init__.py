"""Work off the loop: thread lanes for waiting, worker processes for computing, `AsyncFeatureComputer` as the one
door, and the monitors of loop lag and memory.

May import `runtime`, `ports`, `settings` and `domain`. Knows nothing of candles or orders: it is handed functions.
"""
