"""Positions, cash, fees and profit, as fills fold into them. Money is Decimal. Imports `domain` only."""
