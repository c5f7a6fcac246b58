"""Series as Parquet files, one a month, beside a manifest of what was asked for: only what is missing is fetched again.

A folder has the series that are asked for and kept together: one symbol's, or all contracts of one underlying. Files
are written whole and never changed; the manifest, replaced atomically, says which of them count. Whoever reads checks
each file against the manifest's checksum.
"""
