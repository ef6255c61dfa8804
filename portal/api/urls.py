"""Addresses of the API, under /api/v1/."""

from django.urls import path, re_path

from portal.api.errors import missing
from portal.api.views import (
    audit,
    catalogue,
    docs,
    instance_parts,
    instances,
    members,
    operations,
    organisations,
    tokens,
    webhooks,
)

app_name = "api"
urlpatterns = [
    path("offerings", catalogue.Offerings.as_view(), name="offerings"),
    path("offerings/<slug:slug>", catalogue.Offering.as_view(), name="offering"),
    path("regions", catalogue.Regions.as_view(), name="regions"),
    path("prices", catalogue.Prices.as_view(), name="prices"),
    path("organisations", organisations.Organisations.as_view(), name="organisations"),
    path("organisations/<slug:slug>", organisations.Organisation.as_view(), name="organisation"),
    path("projects", organisations.Projects.as_view(), name="projects"),
    path("projects/<slug:slug>", organisations.Project.as_view(), name="project"),
    path(
        "projects/<slug:slug>/instances",
        instances.ProjectInstances.as_view(),
        name="project-instances",
    ),
    path("instances", instances.Instances.as_view(), name="instances"),
    path("instances/<slug:id>", instances.Instance.as_view(), name="instance"),
    path("instances/<slug:id>/pause", instance_parts.Pause.as_view(), name="pause"),
    path("instances/<slug:id>/resume", instance_parts.Resume.as_view(), name="resume"),
    path("instances/<slug:id>/rotate", instance_parts.Rotate.as_view(), name="rotate"),
    path("instances/<slug:id>/undelete", instance_parts.Undelete.as_view(), name="undelete"),
    path(
        "instances/<slug:id>/credentials",
        instance_parts.Credentials.as_view(),
        name="credentials",
    ),
    path("instances/<slug:id>/events", instance_parts.Events.as_view(), name="events"),
    path("instances/<slug:id>/logs", instance_parts.Logs.as_view(), name="logs"),
    path("operations", operations.Operations.as_view(), name="operations"),
    path("operations/<slug:id>", operations.Operation.as_view(), name="operation"),
    path("operations/<slug:id>/retry", operations.Retry.as_view(), name="retry"),
    path("operations/<slug:id>/cancel", operations.Cancel.as_view(), name="cancel"),
    path("audit", audit.Audit.as_view(), name="audit"),
    path("members", members.Members.as_view(), name="members"),
    path("members/<slug:id>", members.Member.as_view(), name="member"),
    path("tokens", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<slug:id>", tokens.Token.as_view(), name="token"),
    path("service-accounts", tokens.ServiceAccounts.as_view(), name="service-accounts"),
    path("service-accounts/<slug:id>", tokens.ServiceAccount.as_view(), name="service-account"),
    path("webhooks", webhooks.Webhooks.as_view(), name="webhooks"),
    path("webhooks/<slug:id>", webhooks.Webhook.as_view(), name="webhook"),
    path("webhooks/<slug:id>/secret", webhooks.Secret.as_view(), name="webhook-secret"),
    path("webhooks/<slug:id>/ping", webhooks.Ping.as_view(), name="webhook-ping"),
    path("webhooks/<slug:id>/deliveries", webhooks.Deliveries.as_view(), name="deliveries"),
    path(
        "webhooks/<slug:id>/deliveries/<slug:delivery>",
        webhooks.Delivery.as_view(),
        name="delivery",
    ),
    path(
        "webhooks/<slug:id>/deliveries/<slug:delivery>/replay",
        webhooks.Replay.as_view(),
        name="replay",
    ),
    path("schema/", docs.schema, name="schema"),
    re_path(r"^[\s\S]*", missing),
]
