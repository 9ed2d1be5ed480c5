"""Pages and files of the archive, one module per noun."""
