"""The operators' definitions, loaded into the tests' API server when a test needs their group."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import yaml

from tests.kubernetes.cluster import Cluster


class Definitions:
    """`folder` holds a folder for each operator (POLDER_CRDS)."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.loaded: set[Path] = set()

    def load(self, apis: Iterable[str]) -> None:
        """All kinds of these `group/version`s are served when it returns."""
        groups = {api.partition("/")[0] for api in apis}
        files = {file for group in groups for file in self.by_group[group]} - self.loaded
        for file in sorted(files):
            self._kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))
        for file in sorted(files):
            self._kubectl("wait", "--for=condition=Established", "--timeout=120s", "-f", str(file))
        self.loaded |= files

    @cached_property
    def by_group(self) -> dict[str, set[Path]]:
        found: dict[str, set[Path]] = {}
        for file in sorted(self.folder.glob("*/*.yaml")):
            for document in yaml.load_all(file.read_bytes(), yaml.CSafeLoader):
                if document and document.get("kind") == "CustomResourceDefinition":
                    found.setdefault(document["spec"]["group"], set()).add(file)
        return found

    def _kubectl(self, *arguments: str) -> None:
        try:
            self.cluster.kubectl(*arguments)
        except subprocess.CalledProcessError as error:
            raise AssertionError(error.stderr) from error
