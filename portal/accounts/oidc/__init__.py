"""Sign-in by OpenID Connect, stricter than django-allauth: takes the place of its provider."""
