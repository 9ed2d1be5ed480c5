"""Pages of modeling, by noun."""
