"""Credit notes: what takes an issued invoice back, wholly or in part.

* `actions`     writes them: whole, by lines, an amount, or what corrections give back
* `costs`       the costs that follow, in the month of the invoice
* `given_back`  corrections that give back more than they take

Imports `invoices`, `dunning`, `credits` and what is below them.
"""
