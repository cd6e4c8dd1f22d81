"""The desired state: YAML files to `Declared`, and changes of the YAML that leave the rest alone.

    bytes --yaml--> tree with places --model--> documents --reading--> Declared
    Declared, live State, edits --writing--> the same files, changed where they must be

Rooms, each of which knows only those before it: `yaml` (text and tree), `model` (pydantic: what
may stand in the files), `reading` (a directory as a whole), `writing` (import, edit, fmt).
"""
