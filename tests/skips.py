"""Why a test may be skipped where nothing else may (`POLDER_REQUIRE_ENGINES`): no package of the
registries brings what it needs.
"""

NO_PYTHON = "NO PYTHON 3.12: FOCUS files are not judged by their validators here"
EXCUSES = (NO_PYTHON,)
