"""The strategies that come with the house: long or flat, an ATR stop each, textbook rules. One file a strategy."""
