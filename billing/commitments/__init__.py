"""Commitments: capacity of a price class that is reserved and paid for a term.

* `actions`  what one costs and would have saved; buying and renewing it
* `queries`  what is reserved, and how well it is used
* `upkeep`   payments as they fall due, days rated again, reminders of an end; `notices` tells them

Imports `costs` and what is below it. What they cover is `billing.rating.covering`.
"""
