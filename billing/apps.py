from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import checks, commitment_notices, usage_notices  # noqa: F401  # checks too

        commitment_notices.register()
        usage_notices.register()
