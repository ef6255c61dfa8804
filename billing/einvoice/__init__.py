"""Electronic invoices: one document, its XML in four profiles, its judgement and its PDF.

Pure: no database. The pieces, in the order in which an invoice passes them:

* `document`   what an invoice says, as frozen dataclasses; `totals` adds it up, in one place
* `profiles`   the four forms it is issued in; `cii` and `ubl` write them
* `judging`    `judge(document)`: own `checks`, `reading` back, XSD and the standards' Schematron; a
               document with one fatal finding is never issued
* `rules`      the standards' files: fetched by `make einvoice-rules`, never part of the checkout;
               `worker` is the one process that applies them, `asking` talks to it
* `pages`      the words and figures of the PDF, in the buyer's language; `pdf` sets them

docs/einvoice.md is for readers.
"""
