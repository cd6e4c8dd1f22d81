"""Requests to AWS: clients that send only what is allowed, at the pace of the quotas.

In come sessions and rates, out come clients whose errors are ours (`errors`). `operations`
lists every operation that may be sent and for what, and each client refuses all others.
"""
