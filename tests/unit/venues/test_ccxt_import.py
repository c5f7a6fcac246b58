"""One class of ccxt, and ccxt as usual for those who want it."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[3] / "src"


def run(code: str) -> str:
    """In a fresh interpreter, since what is imported stays imported."""
    program = f"import sys; sys.path.insert(0, {str(SOURCES)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.processes
def test_one_exchange_brings_a_handful_of_modules() -> None:
    out = run(
        "from core.venues.ccxt_import import exchange_class\n"
        "made = exchange_class('binance')()\n"
        "print(made.id, sum(name.startswith('ccxt') for name in sys.modules) < 20)"
    )
    assert out == "binance True"


@pytest.mark.processes
def test_ccxt_is_whole_for_whoever_imports_it_afterwards() -> None:
    out = run(
        "from core.venues.ccxt_import import exchange_class\n"
        "light = exchange_class('binance')\n"
        "import ccxt\n"
        "print(ccxt.binance is light, ccxt.kraken.__name__, len(ccxt.exchanges) > 50, ccxt.__version__[0])\n"
        "print(exchange_class('kraken') is ccxt.kraken)\n"
        "import ccxt.pro\n"
        "print(ccxt.pro.binance.__mro__[1].__module__)"
    )
    assert out.split("\n") == ["True kraken True 4", "True", "ccxt.async_support.binance"]


@pytest.mark.processes
def test_ccxt_that_is_there_already_is_used() -> None:
    out = run(
        "import ccxt\n"
        "from core.venues.ccxt_import import exchange_class\n"
        "print(exchange_class('binance') is ccxt.binance)\n"
        "try: exchange_class('nowhere')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    assert out.split("\n") == ["True", "ccxt has no exchange called nowhere"]


@pytest.mark.processes
def test_an_exchange_that_ccxt_does_not_have_is_named() -> None:
    out = run(
        "from core.venues.ccxt_import import exchange_class\n"
        "try: exchange_class('nowhere')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    assert "nowhere" in out
