from core.domain.symbol_names import find_symbol, nearest_symbols

SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")


def test_spelling_is_forgiven():
    assert {find_symbol(asked, SYMBOLS) for asked in ("BTC/USDT", "btc-usdt", "BTCUSDT")} == {"BTC/USDT"}
    assert find_symbol("nosuch", SYMBOLS) is find_symbol("", SYMBOLS) is None


def test_the_nearest_are_named_and_the_first_where_none_is_near():
    assert nearest_symbols("BTCUSD", SYMBOLS)[0] == "BTC/USDT"
    assert nearest_symbols("!", SYMBOLS) == list(SYMBOLS)
    assert nearest_symbols("!", ()) == []
