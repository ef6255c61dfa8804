"""Rook 1.20: ObjectBucketClaim. It writes the bucket's name into the claim, a phase and nothing
else, and makes a Secret and a ConfigMap of the claim's name.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.operators.double import Object, Play, Seen
from tests.kubernetes.operators.shapes import secret

PLACE = {"BUCKET_HOST": "s3.eu-1.example.eu", "BUCKET_PORT": "443", "BUCKET_REGION": ""}


class Claims(Play):
    api = "objectbucket.io/v1alpha1"
    plural = "objectbucketclaims"
    finalizer = "objectbucket.io/finalizer"
    observes = False

    def children(self, one: Object) -> Iterable[Object]:
        name = one["metadata"]["name"]
        bucket = f"{one['spec']['generateBucketName']}-{one['metadata']['uid']}"
        yield secret(name, AWS_ACCESS_KEY_ID=f"KEY{name}", AWS_SECRET_ACCESS_KEY=f"secret-{name}")
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {**PLACE, "BUCKET_NAME": bucket},
        }

    def status(self, one: Object, seen: Seen) -> Object:
        """No phase says that it fails: it stays pending."""
        if one.get("status", {}).get("phase") == "Bound":
            return {}
        return {"phase": "Bound" if seen.settled else "Pending"}
