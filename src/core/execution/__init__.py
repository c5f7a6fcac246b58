"""Orders on their way: executor, order machine, journal, reconciliation, protective duties.

What is pure (`machine`, `books`, `absence`, `protection`, `reconciliation`) decides; what awaits (`executor` and its
parts) carries out. May import `risk` and everything below it. Knows no venue by name: it speaks `core.ports.venue`.
"""
