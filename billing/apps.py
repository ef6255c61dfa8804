from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import (
            checks,  # noqa: F401  # they register themselves
            commitment_notices,
            delivery,
            dunning_texts,
            free_tier_notices,
            holds,
            payment_notices,
            price_notices,
            usage_notices,
        )
        from billing.budgets import notices
        from billing.focus import export_notices

        notices.register()
        commitment_notices.register()
        delivery.register()
        dunning_texts.register()
        holds.register()
        payment_notices.register()
        price_notices.register()
        export_notices.register()
        free_tier_notices.register()
        usage_notices.register()
