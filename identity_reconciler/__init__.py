"""GitOps for AWS IAM Identity Center.

YAML and AWS are each read into a `State`; one pure function compares the two::

    desired-state/*.yaml --desired--> Declared --resolution--> State --+
                                                                       +--planner--> Plan
    AWS or the sandbox --gateway--> State --scope--> narrowed State ---+              |
                 ^                                                                    |
                 +---------- applier <------------------------------------------------+
                                |                                                     |
                                +--> results, journal          text, JSON <--render --+

Names live in the core, identifiers in the gateway. A plan is data.
"""

__version__ = "0.1.0"
