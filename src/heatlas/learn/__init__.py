"""Networks that look at images: what their decisions rest on, and whether that can be believed."""
