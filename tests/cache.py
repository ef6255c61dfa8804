"""Where tests keep engines between runs: outside the checkout, and open to the users that engines
run as.
"""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`POLDER_TEST_CACHE`, else /var/cache for root (whose home is closed to others), else the
    user's cache.
    """
    named = os.environ.get("POLDER_TEST_CACHE")
    usual = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    folder = Path(named) if named else usual / "polder-tests"
    (folder / "engines").mkdir(parents=True, exist_ok=True)
    return folder
