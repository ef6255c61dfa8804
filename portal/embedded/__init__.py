"""Everything on one machine: `manage.py up`, backup, restore, rotation of keys, the demo."""
