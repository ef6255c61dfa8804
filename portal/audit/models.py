"""The audit trail: who did what, to what, from where. Append-only, one hash chain per
organisation.
"""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    """One act. `chain` is the organisation's public slug, or "provider".

    `hash` covers the previous hash and every field; personal fields (`actor_name`, `address`,
    `on_behalf_of`) enter it as a salted digest (`personal_digest`), so that they can be erased,
    with the salt, without breaking the chain. The database refuses every other change (migrations
    0002, 0003 and 0004).

    `on_behalf_of` is the person whom the actor, of the provider's staff, looked as.
    """

    chain = models.CharField(max_length=80)
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)  # user | service_account | staff | system
    actor_id = models.CharField(max_length=40)
    actor_name = models.CharField(max_length=254, blank=True)
    address = models.CharField(max_length=45, blank=True)
    # The database fills these in for the release before, which does not know them.
    on_behalf_of_id = models.CharField(max_length=40, blank=True, default="", db_default="")
    on_behalf_of = models.CharField(max_length=254, blank=True, default="", db_default="")
    token = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    verb = models.CharField(max_length=64)  # noun.verb, as in instance.create
    target_kind = models.CharField(max_length=32)
    target = models.CharField(max_length=80)
    project = models.CharField(max_length=80, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    salt = models.CharField(max_length=32, blank=True)  # empty once erased
    personal_digest = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_sequence_once")
        ]
        indexes = [
            models.Index(fields=["chain", "-sequence"]),
            models.Index(fields=["target", "-at"]),
            models.Index(fields=["request_id"], name="audit_request"),
        ]

    def __str__(self) -> str:
        return f"{self.chain}#{self.sequence} {self.verb} {self.target}"


class ChainCheck(models.Model):
    """The last proof of a chain: of all of it (`complete`), or of its newest events. `first_bad` is
    where it no longer holds; `head` the hash of the last event.
    """

    chain = models.CharField(max_length=80)
    complete = models.BooleanField()
    at = models.DateTimeField()
    count = models.PositiveBigIntegerField()
    total = models.PositiveBigIntegerField()
    head = models.CharField(max_length=64, blank=True)
    first_bad = models.PositiveBigIntegerField(null=True, blank=True)
    why = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["chain", "complete"], name="audit_last_check"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.at:%F %T} {self.why or 'holds'}"

    @property
    def ok(self) -> bool:
        return self.first_bad is None
