"""For all tests: hypothesis does not time them, for a busy machine is no bug."""

from hypothesis import settings

settings.register_profile("bff", deadline=None)
settings.load_profile("bff")
