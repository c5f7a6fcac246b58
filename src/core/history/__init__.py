"""Bulk history: sources behind one port, a Parquet cache that fetches only what is missing, the quality of what came.

Nothing here knows a vendor's library: adapters live in `core.venues`, local files in `core.history.files`.
"""
