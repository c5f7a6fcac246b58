"""The daemon's side of models: which ones decide, who loads them, where they lie when they are asked."""
