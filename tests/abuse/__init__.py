"""Everything that hangs, at once, under a real daemon, and whether those that it does not concern notice:
`make abuse MINUTES=30`."""
