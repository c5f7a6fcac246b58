"""Protocols of the outside world: clocks, venues, streams, sources of history. Imports `domain` only; a protocol stands
here only where two implementations of it exist."""
