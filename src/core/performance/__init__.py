"""The same work done in the loop, in threads and through `AsyncFeatureComputer`, measured side by side: what
`live_bot.py perf` shows. Imports strategies and below; no venue, no order."""
