"""What the SLA promises of a plan, whether it was kept, and what it earns when it was not.

* `arithmetic`  minutes, promises, credits. Pure
* `facts`       what it rests on, read for a month
* `months`      settles a month and posts its credits; `late` is what no credit note could give
* `reports`     how promises were kept

Imports `credit_notes`, `costs` and what is below them.
"""
