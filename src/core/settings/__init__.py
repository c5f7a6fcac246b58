"""Settings: one frozen pydantic model a section, unknown keys rejected, loaded once. Imports `domain` only."""
