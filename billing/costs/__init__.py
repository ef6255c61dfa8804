"""What was spent: cost lines and the sums that pages read, until an invoice closes their month.

* `queries`, `service`   the one source of every page, answer and export; the costs of one service
* `posting`, `texts`     lines that are no usage (bought, credited, made good), and their words
* `corrections`          usage of a closed month: the difference, billed in an open one
* `closing`, `credited`  what closes with an invoice; whether one was credited whole
* `sla_postings`         where credits for broken promises stand, and how they move on
* `sums`                 sums by instance: kept of whole months, added up of other days

Imports `rating` and what is below it.
"""
