"""Disks that fail on purpose: what a power cut forgets, and syncs that take forever or fail.

`shim.c` is loaded into a process by LD_PRELOAD and writes down what it does to the files below one folder; `recording`
reads that; `image` is what a disk holds after the power was cut; `watched` puts it there.
"""
