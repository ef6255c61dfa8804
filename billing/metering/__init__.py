"""From what ran and what meters reported to usage records, by the day.

* `plantime`   how long an instance had which plan; bounds of months. Pure
* `records`    the records of a day, worked out from their sources as often as one likes
* `tagsets`    sets of tags, kept once each
* `retention`  how long usage is kept as it arrived

Imports the price book and `spot`: a record says what it is priced by, not what it costs.
"""
