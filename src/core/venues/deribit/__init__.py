"""Deribit: options and futures on coins, by its public JSON-RPC over HTTP."""
