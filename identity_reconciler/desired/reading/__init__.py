"""A directory of YAML to one `Declared`, or to every problem in it with file, line and column.

Read `loader` first: `files` -> `entries` (each checked by `validation` and `rules`) -> `references`.
"""
