"""`[logging]`: structured events."""

from typing import Literal

from core.settings.section import Section


class LoggingSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    """`auto`: console on a terminal, JSON when piped or under systemd."""
