"""Files to values and back; the only package that reads and writes."""
