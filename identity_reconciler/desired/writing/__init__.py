"""Changes of the YAML: what `import`, `edit` and `fmt` write, at the places the parser names.

In come files and what shall be different; out come the same files with the least difference
(`rewrite`). `editing` and `importing` decide what, `placing` and `corrections` where.
"""
