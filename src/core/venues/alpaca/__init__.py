"""Alpaca: US stocks and options, by its own library, which the extra `alpaca` installs."""
