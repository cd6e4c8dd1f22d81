"""YAML as text and as a tree in which every value knows its place. Knows nothing of our keys.

In come bytes, out comes a tree (`tree`, `reader`), or text with small changes made in it (`edits`).
"""
