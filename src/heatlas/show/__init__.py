"""Drawing: heat maps to scenes, scenes to pixels and vector graphics; bytes out, no files."""
