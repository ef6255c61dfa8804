"""Spare capacity: what it costs of the list price each hour, and what follows from that.

`factors` and `books` are pure: which factor holds when, and the prices that follow from one.
`history` keeps and reads factors, `rating` turns usage of spare capacity into cost lines.
What may be interrupted, and when, is `services.instances.spot`, which knows no money.
"""
