"""Binance's spot protocol, spoken to Binance or to any server that speaks it."""
