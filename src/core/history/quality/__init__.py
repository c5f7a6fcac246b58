"""How far a recorded series can be trusted: findings with their places, and a score from 0 to 1. Pure functions.

May import `domain` and `core.history.series`; reads no file and asks no clock.
"""
