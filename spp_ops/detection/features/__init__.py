"""Features of windows: pooled from maps, or computed window by window."""
