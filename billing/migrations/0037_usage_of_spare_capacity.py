"""A record for each factor of a day, and those that have one found. What 0033 would have built while
whoever meters waited is built here beside them; a database that has it from there gets it anew.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_BUILD = """
create unique index concurrently one_usage_record_of_a_factor on billing_usagerecord
  (instance_id, day, meter, price_class, allowance, spot_factor) nulls not distinct"""
# In a moment: the constraint takes the index that is there.
_TAKE = """
alter table billing_usagerecord drop constraint one_usage_record_per_day,
  add constraint one_usage_record_per_day unique using index one_usage_record_of_a_factor"""
_AS_IT_WAS = """
alter table billing_usagerecord drop constraint one_usage_record_per_day,
  add constraint one_usage_record_per_day unique (instance_id, day, meter, price_class, allowance)"""
# What was begun and did not end is in the way of the next try.
_LEFT = "drop index concurrently if exists "


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("billing", "0036_usage_of_organisation")]
    operations = [
        migrations.RunSQL(_LEFT + "usage_of_spare_capacity", migrations.RunSQL.noop),
        AddIndexConcurrently(
            "usagerecord",
            models.Index(
                condition=models.Q(("spot_factor__isnull", False)),
                fields=["organisation", "day"],
                name="usage_of_spare_capacity",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(_LEFT + "one_usage_record_of_a_factor", migrations.RunSQL.noop),
                migrations.RunSQL(_BUILD, migrations.RunSQL.noop),
                migrations.RunSQL(_TAKE, _AS_IT_WAS),
            ],
            state_operations=[
                migrations.RemoveConstraint("usagerecord", "one_usage_record_per_day"),
                migrations.AddConstraint(
                    "usagerecord",
                    models.UniqueConstraint(
                        fields=(
                            "instance",
                            "day",
                            "meter",
                            "price_class",
                            "allowance",
                            "spot_factor",
                        ),
                        name="one_usage_record_per_day",
                        nulls_distinct=False,
                    ),
                ),
            ],
        ),
    ]
