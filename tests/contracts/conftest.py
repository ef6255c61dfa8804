"""A running supervisor for the contract tests that start real servers."""

from tests.services.engines.conftest import home

__all__ = ["home"]
