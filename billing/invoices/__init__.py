"""Invoices of one organisation: from a month's cost lines to the issued document.

* `drafting`, `credit`        what an invoice would say; the credit that comes off
* `invoicing`                 its number, its seal and its place in the chain
* `files`, `formats`          PDF and XML, written once; HTML and CSV, made when asked for
* `delivery`                  by mail to the address for invoices
* `queries`, `drilldown`      what a member may read; what stands behind a line
* `standing`                  what is left of an invoice after credit notes and payments

Imports `credits`, `costs`, `einvoice`, `identity` and what is below them. All of a month at once is
`billing.month_end`.
"""
