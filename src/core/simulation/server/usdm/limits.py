"""How much USD-M allows: less weight than spot, more orders (rate limits of Binance's futures documentation)."""

from core.simulation.server.limits import RateLimit

WEIGHT_LIMIT = 2_400
ORDERS_10S = RateLimit("ORDERS", "SECOND", 10, 300)
ORDERS_1M = RateLimit("ORDERS", "MINUTE", 1, 1_200)
ORDER_LIMITS = (ORDERS_10S, ORDERS_1M)
