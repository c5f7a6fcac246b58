"""The simulated venue's process: Binance's spot protocol over real HTTP and WebSocket around the engine.

May import `core.simulation.engine`, `core.runtime`, `core.settings` and `core.domain`; never the bot. One event loop
owns the engine; answers to signed requests and private events leave only after what they tell is on disk (`store`).
"""
