"""USD-M perpetuals as Binance's futures API (`fapi`) and streams (`fstream`) speak of them.

Market data, limits, security, sockets and the store are those of the whole server; here is what is the perpetuals' own:
shapes, order forms, refusals, positions, wallets, listen keys and private events.
"""
