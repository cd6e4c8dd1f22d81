"""What may stand in the files: one pydantic model for each kind of entry, and its JSON Schema.

In comes a tree, out come documents or findings with places. `base` and `forms` are what the models
are made of, `text` the patterns of names and identifiers.
"""
