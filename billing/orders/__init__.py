"""Orders: changes that cost money, each with the price that it was placed at.

* `ordering`   the only door for them; previews say what an order would cost and write nothing
* `approvals`  orders that a budget lets through only when somebody approves

Imports `budgets`, `free_tier`, the price book and what is below them.
"""
