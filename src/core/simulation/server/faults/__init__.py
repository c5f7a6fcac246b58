"""Misbehaviour on purpose: everything that real venues get wrong, injected at the seams of the simulated one.

`kinds` is the table of what can be injected, `plan` what is armed now. The seams ask the plan only while something is
armed at them: `Dispatcher.faults`, `StreamHub.faults`, `UserStreams.faults`, `Gate.faults`, `TradingFloor.meddler`,
`TradingFloor.reads`, `VenueClock.error_ms`. May import the rest of the server; nothing there imports this package but
the composition in `fronts` and `venue_process`.
"""
