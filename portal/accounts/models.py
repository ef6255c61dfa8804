"""Who acts: people, service accounts, and the API tokens of both; and what a key of the provider's
own programs is.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Creates users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by an e-mail address."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    language = models.CharField(max_length=8, blank=True)
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email


class ServiceAccount(models.Model):
    """An actor that is no person: a pipeline, a Terraform run.

    It holds one role, in its organisation or in one `project` of it; its tokens bound that further.
    """

    organisation = models.ForeignKey(
        "tenancy.Organisation", on_delete=models.CASCADE, related_name="service_accounts"
    )
    public_id = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=16)
    project = models.ForeignKey(
        "tenancy.Project",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="service_accounts",
    )
    created_at = models.DateTimeField(default=timezone.now)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], name="service_account_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """`digest` is the SHA-256 of the token, which is shown once. Empty `permissions` = all its
    owner has.

    `organisation` bounds the token; `project` bounds it further.
    """

    public_id = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="tokens")
    service_account = models.ForeignKey(
        ServiceAccount, null=True, on_delete=models.CASCADE, related_name="tokens"
    )
    organisation = models.ForeignKey(
        "tenancy.Organisation", null=True, on_delete=models.CASCADE, related_name="+"
    )
    project = models.ForeignKey(
        "tenancy.Project", null=True, on_delete=models.CASCADE, related_name="+"
    )
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(service_account__isnull=True),
                name="token_has_one_owner",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.public_id})"


class Key(models.Model):
    """What a program of the provider logs in with (`portal.accounts.keys`). `digest` is the SHA-256
    of its text, which is shown once.
    """

    public_id = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    created_by = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
