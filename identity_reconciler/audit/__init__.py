"""Reports for auditors: who can open what, in one instance or in all of an organisation.

    AWS, the sandbox or the YAML --> Inspection --question--> Report --format--> text

An `Inspection` holds the state of each instance; a question is a pure function of it; a `Report`
is a table of strings, and every format is a renderer over it.
"""
