"""Perpetual futures margined in their quote asset (USD-M), built on the parts of the spot exchange.

Books, tape, candles and matching are the spot engine's; here live what a contract adds: positions, margin, leverage,
the mark price, funding, liquidation, conditional orders. A contract is one unit of its base asset (multiplier 1).

Units as everywhere in the engine: prices of orders and trades in ticks, quantities in lots, money in atoms of 1e-8.
Mark and index prices are finer than a tick: they are atoms of quote per unit of base. Rates (funding, premium) are
whole 1e-8 (`10_000` is 0.01 %).
"""
