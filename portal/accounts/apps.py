from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "portal.accounts"

    def ready(self) -> None:
        from allauth.mfa.signals import authentication_failed

        from portal.accounts.second_factor import note_failure

        authentication_failed.connect(note_failure)
