"""The command: `python live_bot.py run`. All of it lives in `core.cli`."""

import sys
from pathlib import Path
from typing import NoReturn


def start() -> NoReturn:
    """Finds the packages, or says in words what is missing; ends the process."""
    if sys.version_info < (3, 11):  # noqa: UP036 (whoever types `python3 live_bot.py` may have any)
        sys.exit("Metronome needs Python 3.11 or newer; `make run` finds one and sets everything up.")
    sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))
    try:
        from core.cli.main import main  # noqa: PLC0415 (worker processes import this file again, and need no commands)
        from core.runtime.loop import leave  # noqa: PLC0415 (found where the line above found its own)
    except ModuleNotFoundError as error:
        sys.exit(f"the Python package {error.name} is missing: run `make setup`, then .venv/bin/python live_bot.py")
    leave(main())


if __name__ == "__main__":
    start()
