"""All failures of a venue together, drawn from seeds, under a real daemon: `make soak SEEDS=20 MINUTES=120`."""
