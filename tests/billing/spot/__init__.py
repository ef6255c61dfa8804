"""Spare capacity: its price, its cost lines, its pages."""
