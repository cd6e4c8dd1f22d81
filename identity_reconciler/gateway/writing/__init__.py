"""One request for each change: of users and groups (`principals`), of what links them (`edges`).

Writes are sent once; what a lost answer means is for the applier to find out.
"""
