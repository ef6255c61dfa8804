"""Advice on what could cost less: sizes, services that nobody uses, reservations, spot capacity.

The rules (`sizes`, `idle`, `reservations`, `spot`) are pure; `finding` feeds them, `keeping` keeps
what they find, `actions` and `queries` are what people do with it.
"""
