"""Parent orders: large intents that are carried out in slices, TWAP and iceberg.

`plan` and `schedule` say what a parent is, `next_slice` decides, `open_plans` remembers, `keeper` carries out. All but
the last are pure.
"""
