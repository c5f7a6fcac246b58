"""The command line, one file per sub-command. Highest layer: may import everything, and imports what is heavy only
inside the command that needs it, so that `status` answers at once."""
