"""Settings for every test: properties are the same examples each run, and never timed."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=150)
settings.load_profile("fixed")
