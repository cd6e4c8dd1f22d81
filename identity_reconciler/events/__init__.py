"""Events of CloudTrail that start a check of what they are about: a function of AWS Lambda.

`calls` reads an event, `dispatch` speaks to GitHub, `aws_lambda` is what AWS calls. Nothing here
reads the directory or writes to it, and no name of a person is looked at, kept or logged.
"""
