"""Binance's USD-M perpetuals: the same files as beside this folder, with what differs from spot. Limit and market
orders go to the order book; stops and targets are conditional orders of another service ("algo orders"), which places
an order of its own when they trigger. Both are one order to the rest of the house."""
