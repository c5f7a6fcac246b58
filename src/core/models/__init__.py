"""Models: their life as tables, their artifacts and registry, and how they are trained.

The life cycle is pure. LightGBM and scikit-learn (the extra `ml`) are imported where they are used, when they are used:
by the process that trains and by workers, never by the daemon itself.
"""
