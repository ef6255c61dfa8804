"""The price book: what one unit costs, and what a plan costs.

* `meters`, `classes`  what can be counted and what is priced, with their words: plain data
* `files`, `reserved`  the TOML files of `billing/prices` as rows; terms of reservations
* `lint`, `announcing` the rules that they must keep; what rises is announced 60 days ahead
* `loading`            from files to Price rows; `notices` tells who uses what becomes dearer
* `pricing`, `tiers`   quotes, and what a quantity of a month costs: pure and exact
* `queries`            reads of prices and quotes; `pricelist` is the public list, `texts` its words

Imports no room but `spot`, `identity`, `einvoice` and `vat`: it knows nothing of usage and costs.
"""
