"""How reports are written: aligned text, CSV, JSON, Markdown, HTML.

In comes an `Edition`, out goes text; every value in it is untrusted. `writing` lists the formats.
"""
