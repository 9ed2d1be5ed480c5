"""Pages of annotation, one module per noun."""
