"""Writing a training set from a request: no database, no Django, so a child process can do it."""
