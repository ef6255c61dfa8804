"""The end of a month, over all organisations: the provider's side.

* `runs`       drafts at once, invoices when the grace for late usage is over
* `oversight`  what staff sees of it: the grace, the runs, who has no invoice yet, and why
* `revenue`    what the provider earns, against what regions cost

Imports any room but `advice` and `focus`.
"""
