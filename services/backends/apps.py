from django.apps import AppConfig


class BackendsConfig(AppConfig):
    name = "services.backends"
    label = "backends"
