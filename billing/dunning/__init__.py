"""What follows when an invoice is overdue.

* `steps`         one reminder after another, each once for an invoice
* `holds`         until when nobody is reminded of what is disputed
* `suspension`    of who was warned and has not paid, and its end
* `mail`, `texts` what is sent, and its words

Imports `invoices`, `identity` and what is below them.
"""
