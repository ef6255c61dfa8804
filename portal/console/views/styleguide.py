"""Every component in every state, for whoever changes one. Staff only; all data is made up."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from portal.console.page import page
from portal.kernel import clock
from portal.kernel.errors import NotPermitted
from services.instances.states import OperationState, Phase
from services.spec import Family, Offering

_LETTERS = {
    Family.CONTAINERS: ("K8", "Kubernetes"),
    Family.DATABASES: ("Pg", "PostgreSQL"),
    Family.ANALYTICS: ("Fl", "Apache Flink"),
    Family.AI: ("Ml", "MLflow"),
    Family.INTEGRATION: ("Kf", "Apache Kafka"),
    Family.DEVTOOLS: ("Gt", "Gitea"),
    Family.SERVERLESS: ("Fn", "Functions"),
    Family.IOT: ("Mq", "MQTT broker"),
    Family.BLOCKCHAIN: ("Et", "Ethereum node"),
}


class SampleForm(forms.Form):
    """One field of each kind; unbound at rest, bound to nonsense for the error state."""

    name = forms.CharField(
        label="Service name", help_text="Lower-case letters, digits and dashes.", max_length=40
    )
    storage = forms.IntegerField(label="Storage, GiB", min_value=10, max_value=2000, initial=80)
    version = forms.ChoiceField(label="Version", choices=[("17", "17"), ("16", "16")])
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    locked = forms.CharField(label="Region", disabled=True, required=False, initial="fra1")
    fixed = forms.CharField(
        label="Address", initial="db.example", widget=forms.TextInput(attrs={"readonly": True})
    )
    protect = forms.BooleanField(label="Deletion protection", required=False, initial=True)


@login_required
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """GET /styleguide/"""
    if not getattr(request.user, "is_staff", False):
        raise NotPermitted(_("The style guide is for the provider's staff."))
    return page(request, "console/styleguide.html", _context())


def _context() -> dict[str, Any]:
    offerings = [_offering(family, *names) for family, names in _LETTERS.items()]
    return {
        "offerings": offerings,
        "offering": offerings[1],
        "sizes": (24, 30, 40, 48),
        "phases": list(Phase.values),
        "states": list(OperationState.values),
        "wave": _wave(24, 20, 70),
        "flat": [100, 100],
        "form": SampleForm(prefix="rest"),
        "wrong": SampleForm({"bad-name": "", "bad-storage": "4"}, prefix="bad"),
        "crumbs": [("Services", "#services"), ("orders-db", "#orders-db")],
        "tabs": [("a", "Overview", "#a"), ("b", "Backups", "#b"), ("c", "Settings", "#c")],
        "operations": _operations(),
        "moments": [clock.now() - timedelta(seconds=s) for s in (5, 400, 90_000, 2_000_000)],
        "spans": [0, 26, 185, 7_800, 356_400],
        "sizes_mib": [512, 4096, 1_572_864],
        "days": ["ok"] * 11 + ["part"] + ["ok"] * 9 + ["bad"] + ["ok"] * 6 + ["none"] * 2,
        **_charts(),
    }


def _offering(family: Family, symbol: str, name: str) -> Offering:
    return Offering(
        slug=name.lower().replace(" ", "-"),
        prefix=symbol.lower(),
        symbol=symbol,
        name=name,
        family=family,
        summary="One line that says what it is good for",
        description="",
        licence="",
        price_class="",
        sla_class="database",
        plans=(),
        versions=(),
    )


def _wave(count: int, low: float, high: float, turns: float = 2) -> list[float]:
    middle, swing = (low + high) / 2, (high - low) / 2
    return [
        round(middle + swing * math.sin(i / count * math.tau * turns - 1.2), 1)
        for i in range(count)
    ]


def _charts() -> dict[str, Any]:
    times = [f"{m // 60:02d}:{m % 60:02d}" for m in range(0, 24 * 60 + 1, 20)]
    lines = [
        ("Primary", _wave(len(times), 18, 62)),
        ("Replica", _wave(len(times), 8, 30, turns=3)),
    ]
    cpu = {"title": "CPU", "unit": "%", "times": times, "series": lines}
    spend = [
        ("Databases", [172, 188, 205, 214, 236, 227]),
        ("Containers", [120, 132, 131, 150, 171, 164]),
        ("Integration", [0, 64, 150, 180, 196, 198]),
    ]
    return {
        "cpu": {**cpu, "ident": "cpu"},
        "stale": {**cpu, "title": "CPU, stale", "ident": "cpu-stale", "stale": "as of 10:42"},
        "spend": {
            "title": "Spend by month",
            "labels": ["Jun", "Jul", "Aug", "Sep", "Oct", "Nov"],
            "series": spend,
            "forecast": 792,
        },
        "share": {
            "title": "Share of this month's spend",
            "parts": [(name, values[-1]) for name, values in spend],
            "centre": "€\u202f589",
            "note": "this month",
        },
    }


def _operations() -> list[dict[str, Any]]:
    def steps(*states: str) -> list[dict[str, str]]:
        texts = (
            ("Order accepted", "Quota and budget checked", "03:50:00"),
            ("Second node reserved", "fra1-b, 4 vCPU, 8 GiB", "03:51:08"),
            ("Copying data", "38.2 GiB over the private network", "03:52:18"),
            ("Switch over", "", ""),
        )
        return [
            {"text": text, "note": note, "at": at if state != "todo" else "", "state": state}
            for (text, note, at), state in zip(texts, states, strict=True)
        ]

    running = steps("done", "done", "now", "todo")
    failed = steps("done", "done", "failed", "todo")
    failed[2]["note"] = "The node in fra1-b ran out of disk (code disk-full)."
    return [
        {
            "title": "Resize queued",
            "note": "starts at once",
            "value": 0,
            "steps": steps(*["todo"] * 4),
        },
        {"title": "Resizing to ha-2x8", "note": "about 40 s left", "value": 71, "steps": running},
        {
            "title": "Resize finished",
            "note": "took 26 s",
            "value": 100,
            "steps": steps(*["done"] * 4),
        },
        {
            "title": "Resize failed",
            "note": "after 2 min",
            "value": 60,
            "steps": failed,
            "bad": True,
        },
    ]
