"""Addresses of the console about what happens: operations, notifications, webhooks, audit."""

from django.urls import path

from portal.console.views import audit, notifications, operations, webhooks

_OPERATION = "operations/<str:public_id>/"
_HOOK = "settings/webhooks/<str:public_id>/"
_DELIVERY = f"{_HOOK}deliveries/<str:delivery>/"
urlpatterns = [
    path("operations/", operations.operations, name="operations"),
    path(_OPERATION, operations.operation, name="operation"),
    path(f"{_OPERATION}log/", operations.log, name="operation-log"),
    path(f"{_OPERATION}log.txt", operations.log_file, name="operation-log-file"),
    path(f"{_OPERATION}cancel/", operations.cancel, name="operation-cancel"),
    path(f"{_OPERATION}retry/", operations.retry, name="operation-retry"),
    path("audit/", audit.audit, name="audit"),
    path("audit/export/", audit.export, name="audit-export"),
    path("audit/check/", audit.check, name="audit-check"),
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/bell/", notifications.bell, name="bell"),
    path("notifications/read/", notifications.read, name="notifications-read"),
    path("notifications/<str:event>/", notifications.opened, name="notification"),
    path("settings/notifications/", notifications.preferences, name="notification-settings"),
    path("settings/webhooks/", webhooks.webhooks, name="webhooks"),
    path("settings/webhooks/new/", webhooks.create, name="webhook-new"),
    path(_HOOK, webhooks.webhook, name="webhook"),
    path(f"{_HOOK}secret/", webhooks.secret, name="webhook-secret"),
    path(f"{_HOOK}ping/", webhooks.ping, name="webhook-ping"),
    path(f"{_HOOK}switch/", webhooks.switch, name="webhook-switch"),
    path(f"{_HOOK}delete/", webhooks.delete, name="webhook-delete"),
    path(_DELIVERY, webhooks.delivery, name="delivery"),
    path(f"{_DELIVERY}replay/", webhooks.replay, name="delivery-replay"),
]
