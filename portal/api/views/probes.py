"""Whom a prober in a region's own cluster asks, and what it found: with its key alone."""

from __future__ import annotations

from hashlib import sha256

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from portal.api.answers import json_response
from portal.api.authentication import ProberAuthentication
from portal.api.base import View
from portal.api.contract import contract
from portal.api.serializers import probes as shapes
from services.instances import probe_reports
from services.regions import prober_keys
from services.spec import gettext_noop


class _OfProbers(View):
    """A key of a prober opens these addresses of its region and no other."""

    authentication_classes = [ProberAuthentication, *View.authentication_classes]


class Targets(_OfProbers):
    @contract(
        gettext_noop("Read whom a region's prober asks"),
        {200: "ProbeTargets", 304: ""},
        description=gettext_noop(
            "For the prober in the region's own cluster, with the key that staff made for it: no "
            "role and no token may. The services that should serve, and where; no passwords. With "
            "`If-None-Match` of the last `ETag` it answers 304 while nothing has changed."
        ),
    )
    def get(self, request: object, code: str) -> HttpResponseBase:
        region = prober_keys.region_of(self.actor, code)
        answer = json_response(shapes.asked(probe_reports.targets_for(region)))
        answer["ETag"] = f'"{sha256(answer.content).hexdigest()[:32]}"'
        return get_conditional_response(self.http, etag=answer["ETag"], response=answer) or answer


class Minutes(_OfProbers):
    @contract(
        gettext_noop("Report a region's minutes"),
        {200: "MinutesTaken"},
        description=gettext_noop(
            "For the prober in the region's own cluster, with its key. Up to 2,000 "
            "windows of five minutes, none older than two hours: `known` are the minutes (0 to 4) "
            "of which it knows, `bad` those of them in which the service did not serve. Each joins "
            "what is known already, however often it is sent. Until a service has answered a "
            "prober once, nothing of it is taken (`never-answered`)."
        ),
        body=shapes.WINDOWS,
    )
    def post(self, request: object, code: str) -> HttpResponse:
        region = prober_keys.region_of(self.actor, code)
        heard = prober_keys.has_heard(self.actor)
        taken = probe_reports.take_minutes(region, self.body["windows"], has_heard=heard)
        if taken.answered and not heard:
            prober_keys.note_heard(self.actor)
        return json_response(shapes.taken(taken))
