"""GitOps for AWS IAM Identity Center.

YAML and AWS are each read into a `State`; one pure function compares the two::

    desired-state/*.yaml --desired--> Declared --resolution--> State --+
                                         |                             +--planner--> Plan
                                   runs/survey: what to read           |              |
                                         v                             |            guards: verdicts
    AWS or the sandbox <--> gateway --> State ---scope--> narrowed ----+              |
                               ^                                                      v
                               |        text, Markdown, JSON <--render-- document, saved plan
                               |                                                      |
                               +--applier <--review: only what was reviewed, read again--+
                                    |
                                    +--> results, journal

Names live in the core, identifiers in the gateway. A plan is data. `core` decides, `runs` carries
out, `cli` shows; each package says in its first lines what comes in and what goes out.
"""

__version__ = "0.1.0"
