"""Views of the provider's pages."""
