"""Costs in the form of the FOCUS specification: datasets, checks, and exports by schedule."""
