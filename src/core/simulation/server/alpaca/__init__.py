"""Alpaca's data API, stocks and options, as its OpenAPI document (`market-data-api`, in the PyPI package
`alpaca-mcp-server`) and `alpaca-py` have it. Only what is public in the sense of market data: nothing trades here.
"""
