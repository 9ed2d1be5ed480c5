"""Changes of state of protocols and trials; one function each, with its audit event."""
