"""Strategies: what a user writes, the built-in ones, and how a worker process loads and asks them. Imports features and
below; never venues, orders or the portfolio. User code is imported in worker processes only."""
