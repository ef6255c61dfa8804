"""What every page of the console shows around its own content."""

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, object]:
    return {}
