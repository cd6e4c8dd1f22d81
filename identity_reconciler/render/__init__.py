"""A plan for people and programs: document, text, Markdown, JSON, annotations, diagrams.

In comes a plan of the core, `describe` makes the `document` of it, and every renderer reads nothing
but that, so a saved plan shows the same. Every value is untrusted: see `escape` and `spans`.
"""
