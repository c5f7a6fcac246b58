"""The simulated venue: a pure engine (`engine`) and the process around it (`server`).

It shares `core.domain`, `core.settings` and `core.runtime` with the bot and nothing else, so that a mistake in the bot
cannot hide in its judge.
"""
