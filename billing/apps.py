from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import checks, usage_notices  # noqa: F401  # checks register themselves

        usage_notices.register()
