"""Maps against maps: which go together, over which elements, and how sure that is."""
