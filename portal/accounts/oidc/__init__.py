"""Sign-in by OpenID Connect, stricter than django-allauth's own: takes the place of its provider."""
