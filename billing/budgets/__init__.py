"""Budgets: what may be spent in a month, who hears when it is, and what happens then.

`rules` is pure; `standing` compares with the costs; `evaluation` runs after each hourly round;
`gates` answers orders; `effects` pauses; `rehearsal` says what would happen now.
"""
