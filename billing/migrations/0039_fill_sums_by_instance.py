"""Sums by instance of what there is: a hundred organisations of a month at a time, each in a
transaction of its own that holds back only whoever rates or posts in those months meanwhile. Run
again, it ends the same.
"""

from django.db import migrations, transaction

_AT_ONCE = 100

_MONTHS = """
select month, array_agg(organisation_id order by organisation_id)
from billing_ratedmonth group by month order by month desc"""

_HOLD = """
select from billing_ratedmonth where organisation_id = any(%(organisations)s) and month = %(month)s
order by organisation_id for update"""

_DROP = """
delete from billing_instancerollup
where organisation_id = any(%(organisations)s) and day = %(month)s"""

_ADD = """
insert into billing_instancerollup (organisation_id, project_id, tag_set_id, instance_id, offering,
  region, category, is_correction, day, list_cost, contracted_cost, effective_cost, billed_cost,
  currency)
select organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
  is_correction, %(month)s, sum(list_cost), sum(contracted_cost), sum(effective_cost),
  sum(billed_cost), currency
from billing_costline
where organisation_id = any(%(organisations)s)
  and day >= %(month)s and day < (%(month)s + interval '1 month')::date
group by organisation_id, project_id, tag_set_id, instance_id, offering, region, category,
  is_correction, currency"""


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        for month, organisations in cursor.fetchall():
            for at in range(0, len(organisations), _AT_ONCE):
                scope = {"month": month, "organisations": organisations[at : at + _AT_ONCE]}
                with transaction.atomic(using=schema_editor.connection.alias):
                    for statement in (_HOLD, _DROP, _ADD):
                        cursor.execute(statement, scope)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("billing", "0038_sums_by_instance")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
