"""An instance's own passwords: one Secret in its namespace, and nowhere else.

Operators want them in shapes of their own; those are rendered from here. What an operator makes
itself is read from its own Secret when somebody asks.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from portal.kernel import crypto
from portal.kernel.errors import Temporary
from services.backends.kubernetes.objects import Objects
from services.manifests.objects import SECRET, manifest
from services.spec import InstanceSpec, Live, Manifest, Secret

ROTATED = "polder.eu/rotated"
_DOTS = "••••••••••••"
_TOLD = frozenset({"ca.crt", "username", "user", "host", "port"})  # fit for a page as they are


def name_of(spec: InstanceSpec) -> str:
    return f"{spec.name}-secrets"


def held(objects: Objects, spec: InstanceSpec) -> dict[str, Secret]:
    """Raises: Temporary("secrets-missing") while there are none."""
    found = objects.get("v1", "Secret", name_of(spec), spec.namespace)
    if found is None:
        raise Temporary("secrets-missing", retry_after=1)
    return {name: Secret(_decoded(value)) for name, value in found.get("data", {}).items()}


def ensure(objects: Objects, spec: InstanceSpec, names: tuple[str, ...]) -> dict[str, Secret]:
    """Made once; who comes second takes what the first made."""
    made = {name: crypto.new_password() for name in names}
    if objects.get("v1", "Secret", name_of(spec), spec.namespace) is None:
        objects.create(_manifest(spec, made, ""))
    return held(objects, spec)


def rotate(objects: Objects, spec: InstanceSpec, name: str) -> dict[str, Secret]:
    """A new value for `name`, once for each `spec.rotation`."""
    now = objects.get("v1", "Secret", name_of(spec), spec.namespace) or {}
    done = now.get("metadata", {}).get("annotations", {}).get(ROTATED) == spec.rotation
    values = {key: _decoded(value) for key, value in now.get("data", {}).items()}
    if not done:
        values[name] = crypto.new_password()
        objects.apply(_manifest(spec, values, spec.rotation), force=True)  # created, not applied
    return {key: Secret(value) for key, value in values.items()}


def masked(live: Live) -> Live:
    """The same Secrets with dots for what a page must not show."""
    return {ref: _masked(found) if ref.kind == SECRET else found for ref, found in live.items()}


def _masked(found: Manifest) -> Manifest:
    dots = base64.b64encode(_DOTS.encode()).decode()
    data = found.get("data", {})
    return {**found, "data": {k: v if k in _TOLD else dots for k, v in data.items()}}


def _manifest(spec: InstanceSpec, values: Mapping[str, str], rotation: str) -> dict[str, Any]:
    made = manifest(
        SECRET,
        name_of(spec),
        labels=spec.labels,
        annotations={ROTATED: rotation},
        type="Opaque",
        data={key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    )
    return {**made, "metadata": {**made["metadata"], "namespace": spec.namespace}}


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode()


def redacted(text: str, known: Sequence[Secret]) -> str:
    """Without those that are known."""
    for secret in known:
        text = text.replace(str(secret), "…")
    return text
