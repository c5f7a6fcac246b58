"""What options are written on, as years of bars that can be asked for in any order: stocks with their exchange's hours,
and crypto indices that never close.

Nothing is played forward here. A bar is a function of seed, asset and time, made when it is asked for, so that pages
join and any process says the same. May import the engine's price process, numpy and, for the exchange's hours,
`exchange_calendars`; never the server.
"""
