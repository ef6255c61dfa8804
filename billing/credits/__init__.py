"""Credit of an organisation: what it was given, and what is left of it.

* `grants`    what was given, taken and left; what corrections carry over
* `vouchers`  codes that give credit: made and withdrawn by staff, redeemed by an organisation

Imports `costs` and what is below it. How a draft takes from credit is `billing.invoices.credit`.
"""
