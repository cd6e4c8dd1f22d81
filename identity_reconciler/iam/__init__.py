"""The least privilege that plans, applies and audits need, as policies, roles and a template.

In comes which operations the gateway may send and what a declaration names; out go documents for
IAM. Nothing here asks AWS. Read `policies` first.
"""
