"""The command: `python live_bot.py run`. All of it lives in `core.cli`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
