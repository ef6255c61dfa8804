"""The VAT of a sale: a pure function over two tables.

* `decisions`    which category, whose rate, and why
* `territories`  where VAT says that a place is
* `rates`        the standard rates of the Union, with the day since which each holds

Imports nothing of billing.
"""
