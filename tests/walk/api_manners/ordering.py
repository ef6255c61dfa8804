"""What these tests order."""

from __future__ import annotations

ORDER = {"offering": "postgresql", "name": "orders-db"}
