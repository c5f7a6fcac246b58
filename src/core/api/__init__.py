"""The loopback API: frozen snapshots out, over HTTP, from a task of the daemon's own loop. The server sees the
daemon through `DaemonView` only."""
