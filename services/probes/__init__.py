"""Whether a service serves, asked from outside as its clients ask: one small check per protocol,
without a password and without a driver. Pure asyncio; knows no database.
"""
