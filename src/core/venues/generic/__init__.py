"""Any exchange that ccxt knows, by its unified methods: REST through ccxt in lanes, streams through ccxt.pro."""
