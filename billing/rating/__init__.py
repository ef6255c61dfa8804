"""From usage records to cost lines and their sums, an organisation's month as a whole.

* `months`        rates a month, set-based in the database
* `covering`      a step of it: what commitments cover comes off first
* `price_effect`  the same statements at prices to come, in tables that stand before the real ones

Imports `metering`, the price book and `spot`.
"""
