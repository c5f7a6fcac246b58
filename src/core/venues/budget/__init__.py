"""How much a venue may be asked, shared by all daemons of a user on this machine.

Venues count by address (Binance: weight a minute) and by account (orders in ten seconds, in a day). `windows` counts
as they do, `ledger` keeps the counts in a file that processes share, `budget` says who may ask now, `toll` stands where
requests leave. A request that may wait is told for how long; what must get through has a part of each limit that
nothing else may touch (`core.ports.request_lane`).

No library does this. aiolimiter and limits (without a server) count in one process. pyrate-limiter shares a SQLite file
among processes; but it knows no lanes with a reserve, cannot be told what the venue itself has counted, stores one row
for each unit of weight, and a stopped process that holds its file lock stops all others.
"""
