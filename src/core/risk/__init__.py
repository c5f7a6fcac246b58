"""Sizing, checks and the gate: how much, and when not at all. Pure and synchronous; imports portfolio and below."""
