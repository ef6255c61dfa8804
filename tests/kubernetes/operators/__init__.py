"""Doubles of operators that cannot run here. double.py says how to write one; rabbitmq.py is the
model.
"""
