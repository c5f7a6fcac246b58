"""Metronome: a live trading daemon that never freezes, never loses or doubles an order, and always says why."""

__version__ = "0.1.0"
