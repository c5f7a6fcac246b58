"""Judges that others wrote: suites, models and recordings that know nothing of the simulated venue."""
