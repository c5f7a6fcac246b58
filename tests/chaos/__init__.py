"""Kills the order path at every step, a thousand times, and has a stranger compare the books in the end.

`python -m tests.chaos` (`make chaos`) is the campaign; `judge` imports nothing of the bot.
"""
