from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import checks  # noqa: F401  # they register themselves
        from billing.budgets import notices
        from billing.commitments import notices as commitment_notices
        from billing.dunning import holds
        from billing.dunning import texts as dunning_texts
        from billing.focus import export_notices
        from billing.free_tier import notices as free_tier_notices
        from billing.invoices import delivery
        from billing.payments import notices as payment_notices
        from billing.pricebook import notices as price_notices
        from billing.usage import notices as usage_notices

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
