from django.apps import AppConfig


class RegionsConfig(AppConfig):
    name = "services.regions"

    def ready(self) -> None:
        from services.regions import notices

        notices.register()
