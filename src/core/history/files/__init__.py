"""History from files that lie here already: CSV, Parquet and Feather tables, freqtrade's data folder, LEAN's.

May import `core.history.series`, `ports`, `runtime` and `domain`. A layout is told by names of files and folders, of
tables also by their columns; reading checks that a file is what its name says.
"""
