"""A directory of YAML to one `Declared`, or to every problem in it with file, line and column.

Read `loader` first: `files` -> `entries` (checked by `validation`, `rules`) -> `references`.
"""
