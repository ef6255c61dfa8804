"""Money received for invoices, and what went back.

* `actions`       payments: recorded, reversed, never changed
* `camt`          a bank's statement as XML. Pure
* `bank_entries`  what it tells, matched with invoices; what is not matched waits for staff
* `notices`       what an organisation hears

Imports `dunning` (a payment may end a suspension), `invoices` and what is below them.
"""
