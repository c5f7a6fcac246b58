"""How far a recorded series can be trusted: findings with their places, and a score from 0 to 1. Pure functions.

Reads no file and asks no clock. May import `domain`, `core.history.series` and the words of `core.history.loading`.
"""
