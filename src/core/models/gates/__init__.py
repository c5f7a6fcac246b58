"""What a model's record on live candles allows it: pure, no I/O, no clock."""
