"""The base of every view: who calls, how often, and what the contract lets in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.accounts.actors import address_of
from portal.api.contract import Contract, contract_of
from portal.api.ratelimit import Allowance, spend
from portal.api.reading import read_body, read_query
from portal.kernel.actor import Actor
from portal.kernel.errors import TooManyRequests


class AlwaysJson(BaseContentNegotiation):
    """There is one format: a strange `Accept` header is no reason to answer nothing."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return JSONRenderer(), "application/json"


class View(APIView):
    """`self.actor`, `self.query` and `self.body` are what a handler needs. A handler looks for what
    the address names before it reads `self.body`, so that 404 and 403 win over 422.
    """

    content_negotiation_class = AlwaysJson
    metadata_class = None
    http_method_names = ["get", "head", "post", "patch", "delete"]
    allowance: Allowance | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.query = read_query(request._request, self.contract.parameters)

    def check_permissions(self, request: Request) -> None:
        terms = contract_of(self, request.method or "")
        if terms is None:
            self.http_method_not_allowed(request)
        elif not terms.public:
            super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        self.allowance = spend(self._who())
        if self.allowance is not None and self.allowance.exceeded:
            raise TooManyRequests(
                _("This token has used up its requests of this minute."),
                hint=_("Wait as long as Retry-After says."),
                retry_after=self.allowance.reset,
            )

    def finalize_response(  # type: ignore[override]  # also plain responses of Django
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        if self.allowance is not None:
            for name, value in self.allowance.headers.items():
                answer[name] = value
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    @property
    def actor(self) -> Actor:
        actor: Actor = self.request.user.actor  # type: ignore[union-attr]  # a Caller
        return actor

    @property
    def http(self) -> HttpRequest:
        request: HttpRequest = self.request._request
        return request

    @property
    def contract(self) -> Contract:
        found = contract_of(self, self.request.method or "")
        assert found is not None  # noqa: S101  # get_permissions came before
        return found

    @cached_property
    def body(self) -> dict[str, Any]:
        return read_body(self.http, self.contract.body or {"type": "object", "properties": {}})

    @property
    def dry_run(self) -> bool:
        return bool(self.query.get("dry_run"))

    def _who(self) -> str:
        caller = getattr(self.request.user, "actor", None)
        if caller is None:
            return f"address:{address_of(self.http)}"
        return caller.token_id or f"{caller.kind}:{caller.id}"
