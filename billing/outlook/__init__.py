"""What a month will have cost, and which days cost more than their like.

* `forecast`   what a month costs in the end, from the costs of its days. Pure
* `queries`    the same for whoever sees the costs; what falls due of commitments counts
* `anomalies`  a day against the same weekday of the weeks before. Pure

Imports `commitments`, `costs` and what is below them.
"""
