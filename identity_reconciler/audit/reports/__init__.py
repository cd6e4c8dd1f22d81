"""One module for each question that an audit answers; each is a pure function of an `Inspection`.

A question says what it wants read and makes a `Report` of it; see `audit.report`.
"""
