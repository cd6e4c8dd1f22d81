"""Answers of AWS to states: whole lists (`reader`), or a few objects by name (`targeted`).

What is met on the way is kept in the `directory` of a `connection`, so that later requests know
the identifiers. Nothing of it leaves the gateway.
"""
