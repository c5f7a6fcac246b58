"""Every failure behaviour of a venue against the real daemon: what it does, and how long it takes to be right again.

`python -m tests.faults` prints the table; `docs/reliability.md` shows one.
"""
