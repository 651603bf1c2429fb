"""Files to values and values to files; only study, live, serve and cli import it."""
