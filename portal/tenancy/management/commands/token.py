"""`manage.py token`: an API token of a person, for the first steps with the API."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.accounts.actors import user_actor
from portal.accounts.models import User
from portal.tenancy.tokens import create_token

DEMO_OWNER = "owner@demo.example"


class Command(BaseCommand):
    help = "Prints a new API token with all rights of its owner. It is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default=DEMO_OWNER, help="e-mail address of the owner")
        parser.add_argument("--name", default="made on the command line")

    def handle(self, *, user: str, name: str, **_: Any) -> None:
        found = User.objects.filter(email=user.lower(), is_active=True).first()
        if found is None:
            raise CommandError(
                f"There is no user {user}. Start Polder once with `make run`, which makes the demo "
                "users, or name another with --user."
            )
        self.stdout.write(create_token(actor=user_actor(found), name=name)[1])
