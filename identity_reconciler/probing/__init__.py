"""What a live service does where AWS documents nothing: probes, and what they find compared.

In come clients and the assumptions of the sandbox, out go observations, a table and the switches
that would make the sandbox agree. Everything that a probe makes carries a prefix and is removed.
Begin with `probes` (the questions), `run` (asking them) and `comparison` (the answers).
"""
