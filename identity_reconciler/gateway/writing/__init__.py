"""One request for each change: users and groups (`principals`), memberships and assignments (`edges`).

Writes are sent once; what a lost answer means is for the applier to find out.
"""
