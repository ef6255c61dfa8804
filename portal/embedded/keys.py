"""Rotation of the key that secrets are stored under.

The order keeps every process able to read at every moment: all learn the new key, then every
secret is written anew, then all forget the old keys.
"""

from __future__ import annotations

from pathlib import Path

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.db.models import Model

from billing.models import CostExport
from portal.accounts import second_factor
from portal.embedded import environment, programs
from portal.embedded.refusal import Refusal
from portal.kernel import crypto
from portal.notifications.models import Webhook
from services.instances.models import Credential
from services.regions.models import Region

_BATCH = 500
# Every column that `crypto.encrypt` fills.
_SECRETS: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (Credential, ("value", "next_value")),
    (Webhook, ("secret", "previous_secret")),
    (CostExport, ("secret",)),
    (Region, ("secrets",)),
)
_NAME = "POLDER_SECRET_KEYS"


def rotate(home: Path, *, keep: bool) -> int:
    """How many secrets were written under a new key. Raises: Refusal."""
    path = home / "environment"
    values = environment.read(path)
    if values.get(_NAME, "").split(",") != settings.POLDER_SECRET_KEYS:
        raise Refusal(
            f"{_NAME} comes from the environment of this process, which Polder cannot change.",
            "Put a new key first in it, restart every process of Polder, then run "
            "`manage.py rotate-keys --rewrite` and drop the old keys.",
            what="No key was rotated.",
        )
    keys = [crypto.new_key(), *settings.POLDER_SECRET_KEYS]
    _use(home, keys)
    count = rewrite()
    if not keep:
        _use(home, keys[:1])
    return count


def _use(home: Path, keys: list[str]) -> None:
    """Written down first: a key that only a process knows could be lost with it."""
    path = home / "environment"
    environment.write(path, {**environment.read(path), _NAME: ",".join(keys)})
    settings.POLDER_SECRET_KEYS = keys
    programs.restart(home)


def rewrite() -> int:
    """Every stored secret under the first key, in batches that lock only their own rows."""
    return sum(_rewrite(model, fields) for model, fields in _SECRETS) + _second_factors()


def _second_factors() -> int:
    """Those stand in a JSON field."""
    count = 0
    for pk in list(Authenticator.objects.values_list("pk", flat=True)):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is not None:
                second_factor.reencrypt(row)
                row.save(update_fields=["data"])
                count += 1
    return count


def _rewrite(model: type[Model], fields: tuple[str, ...]) -> int:
    """How many rows there were."""
    count, last = 0, 0
    while True:
        with transaction.atomic():
            rows = list(
                model._default_manager.select_for_update()
                .filter(pk__gt=last)
                .order_by("pk")[:_BATCH]
            )
            for row in rows:
                for name in fields:
                    value = getattr(row, name)
                    setattr(row, name, crypto.reencrypt(value) if value else "")
            model._default_manager.bulk_update(rows, list(fields))
        if not rows:
            return count
        count, last = count + len(rows), rows[-1].pk
