"""Messages to people: what is worth one, when it may go, and couriers that can fail for hours without anyone waiting.
Only `services` knows apprise."""
