"""Queries compiled once answer as the querysets that they were made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from portal.kernel import prepared
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission, Role
from services.instances import listing
from tests.makers import actor_for, make_member, make_project

pytestmark = pytest.mark.django_db


def test_values_take_the_place_of_marks():
    ours, _theirs = make_project(), make_project()
    marks = prepared.marks_for({"slug": "", "since": datetime.now(UTC), "most": 1})

    def build():
        return Project.objects.filter(
            slug=marks["slug"], created_at__gt=marks["since"], pk__lte=marks["most"]
        ).values("pk", "tags")

    def ask(**values):
        return prepared.rows("test", build, marks, **values)

    past, future = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    assert ask(slug=ours.slug, since=past, most=ours.pk) == [{"pk": ours.pk, "tags": {}}]
    assert ask(slug=ours.slug, since=future, most=ours.pk) == []
    assert ask(slug="none", since=past, most=ours.pk) == []
    assert ask(slug=ours.slug, since=past, most=0) == []


def test_a_mark_that_is_not_used_is_an_error():
    with pytest.raises(ValueError, match="does not use slug"):
        prepared.rows("unused", lambda: Project.objects.values("pk"), {"slug": "x"}, slug="y")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("only_project", [True, False])
def test_the_hot_list_opens_the_same_door(role, only_project):
    """The same projects as `access.projects`, whoever asks, with whatever token."""
    project = make_project()
    sibling, foreign = make_project(project.organisation), make_project()
    plain = actor_for(make_member(project, role, only_project=only_project))
    make_member(foreign)
    view = Permission.INSTANCE_VIEW
    for actor in (
        plain,
        replace(plain, scopes=frozenset({"instance.view"})),
        replace(plain, scopes=frozenset({"operation.view"})),
        replace(plain, organisation_id=project.organisation_id),
        replace(plain, organisation_id=foreign.organisation_id),
        replace(plain, organisation_id=project.organisation_id, project_id=sibling.pk),
        replace(plain, user_id=None),
    ):
        seen = set(access.projects(actor, view).values_list("pk", flat=True))
        assert set(listing.places_for(actor)) == seen
        assert set(listing.places_for(actor, project=sibling.slug)) == seen & {sibling.pk}
