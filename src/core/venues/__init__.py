"""Adapters: the only code that knows ccxt or websockets.

Each venue is a folder with the same files: `rest.py`, `streams.py`, `user_stream.py`, `decode.py` (shapes of its
messages), `instruments.py`, `errors.py` (the one table that classifies its failures), `capabilities.py`. Beside them:
what all adapters share. Implements `core.ports.venue`; imports `ports`, `settings` and `domain`.
"""
