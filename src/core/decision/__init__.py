"""To trade or not, and why: pure functions of frozen inputs and a moment. The daemon and the backtest call the same."""
