"""The process that serves the API: HTTP, WebSocket and metrics from pictures that the daemon sends it. It knows nothing
of the daemon but what comes over the link, and nothing that anybody does to it costs the daemon's loop a turn."""
