"""Who an organisation is on its invoices. What an invoice said stays with the invoice; what was
said at a moment stays in `IdentityVersion`.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class BillingIdentity(models.Model):
    """Legal and VAT identity of an organisation, as it is now. `country` is ISO 3166, `vat_id` has
    its prefix, `electronic_scheme` is of the code list EAS; an empty `buyer_reference` means the
    organisation's slug, an empty `language` of documents the installation's. `check` is what
    `vat_id_state` rests on.
    """

    class Kind(models.TextChoices):
        BUSINESS = "business"
        CONSUMER = "consumer"

    class VatIdState(models.TextChoices):
        NONE = "none"
        PLAUSIBLE = "plausible"  # form and check digits, nothing more
        CONFIRMED = "confirmed"  # VIES knew it
        APPROVED = "approved"  # staff said so, with a reason

    organisation = models.OneToOneField(
        "tenancy.Organisation", on_delete=models.PROTECT, related_name="billing_identity"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BUSINESS)
    legal_name = models.CharField(max_length=200)
    street = models.CharField(max_length=200)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    vat_id = models.CharField(max_length=20, blank=True)
    vat_id_state = models.CharField(
        max_length=10, choices=VatIdState.choices, default=VatIdState.NONE
    )
    check_in_force = models.ForeignKey(
        "billing.VatIdCheck", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    registration_number = models.CharField(max_length=60, blank=True)
    buyer_reference = models.CharField(max_length=100, blank=True)
    order_number = models.CharField(max_length=60, blank=True)
    invoice_email = models.EmailField()
    electronic_scheme = models.CharField(max_length=4, blank=True)
    electronic_address = models.CharField(max_length=100, blank=True)
    language = models.CharField(max_length=5, blank=True, default="", db_default="")
    version = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(
                fields=["updated_at"],
                condition=models.Q(vat_id_state="plausible"),
                name="vat_ids_to_confirm",
            )
        ]

    def __str__(self) -> str:
        return f"{self.legal_name} ({self.organisation_id})"


class IdentityVersion(models.Model):
    """What a billing identity said from `at` on, its VAT state and proofs included. Only `by` may
    change, to be erased.
    """

    identity = models.ForeignKey(BillingIdentity, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    data = models.JSONField()
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=254, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identity", "version"], name="one_identity_a_version")
        ]

    def __str__(self) -> str:
        return f"{self.identity_id} v{self.version}"


class VatIdCheck(models.Model):
    """Somebody looked whether a VAT id is registered. A consultation of VIES has its `number` and
    says whether the id was `valid`; an approval or a withdrawal by staff has its `reason`.
    """

    class Kind(models.TextChoices):
        VIES = "vies"
        APPROVAL = "approval"
        WITHDRAWAL = "withdrawal"

    identity = models.ForeignKey(BillingIdentity, on_delete=models.PROTECT, related_name="checks")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    vat_id = models.CharField(max_length=20)
    valid = models.BooleanField()
    number = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(max_length=254, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.vat_id}"


class LocationProof(models.Model):
    """Something that says in which country (ISO 3166) a buyer is; the latest of its kind.

    Source of the kinds: Article 24f of Implementing Regulation 282/2011.
    """

    class Kind(models.TextChoices):
        ADDRESS = "address"
        BANK = "bank"
        INTERNET = "internet"
        LANDLINE = "landline"
        SIM = "sim"
        OTHER = "other"

    identity = models.ForeignKey(BillingIdentity, on_delete=models.PROTECT, related_name="proofs")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    country = models.CharField(max_length=2)
    source = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identity", "kind"], name="one_proof_a_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.country}"
