"""Deribit's public API over HTTP and WebSocket (JSON-RPC 2.0), BTC and ETH: perpetuals, futures, options settled in the
coin. Methods, names and shapes follow docs.deribit.com and recorded messages; nothing trades here.
"""
