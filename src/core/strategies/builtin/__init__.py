"""The strategies that come with the daemon, by name; none of them is imported before it is used."""

BUILT_IN = {
    "ema_cross": "core.strategies.builtin.ema_cross:EmaCross",
    "rsi_reversion": "core.strategies.builtin.rsi_reversion:RsiReversion",
    "donchian_breakout": "core.strategies.builtin.donchian_breakout:DonchianBreakout",
    "model": "core.strategies.builtin.model:ModelStrategy",
}
