"""The journal: intents, requests, the venue's facts and duties, append-only and durable before anything is sent.

`journal.Journal` is the face; `writer` commits groups in a thread of its own; `storage` knows SQL; `records` are what
is written. May import `execution`'s pure parts, `ports`, `settings` and `domain`.
"""
