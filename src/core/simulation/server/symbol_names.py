"""What a symbol without a slash stands for."""

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USD", "EUR", "BTC", "ETH", "BNB")


def split_name(name: str) -> tuple[str, str] | None:
    """Base and quote of a name like `BTCUSDT`; `None`: it ends in no quote that is known here."""
    quote = next((quote for quote in QUOTES if name.endswith(quote) and name != quote), None)
    return None if quote is None or not name.isalnum() else (name.removesuffix(quote), quote)
