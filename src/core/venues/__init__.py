"""Adapters: the only code that knows ccxt or websockets.

Each venue is a folder in which the same files do the same: `rest.py`, `streams.py` and `user_stream.py` implement
`core.ports.venue`, `decode.py` holds the shapes of the venue's messages, `instruments.py` reads its instruments,
`errors.py` is the one table that classifies its failures, `capabilities.py` says what it can do. `generic` is every
exchange that ccxt knows and that has no folder; what it can do is read off its class (`traits.py`). Beside the folders
stands what all adapters share. May import `runtime`, `ports`, `settings` and `domain`, and `market`'s candle builder.
"""
