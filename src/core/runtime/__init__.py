"""What any daemon needs, the bot and the simulated venue alike: clocks, supervisor, scheduler, breakers, bulkheads,
watchdog, systemd notify, logging, child processes, histograms.

May import `ports`, `settings` and `domain`. Knows nothing of trading.
"""
