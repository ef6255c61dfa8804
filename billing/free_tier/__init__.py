"""The free tier: what an organisation without billing details may use, and no more.

* `allowances`  what is left of each, and what is refused beyond
* `watch`       every hour: told at 80 %, paused at 100 %; `notices` are its words

Imports `metering`, the price book and what is below them.
"""
