"""Find an organisation's usage of a month without that of all months: rating reads it so. Built
without stopping whoever meters.
"""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("billing", "0035_counters_of_servers")]
    operations = [
        AddIndexConcurrently(
            "usagerecord",
            models.Index(fields=["organisation", "day"], name="usage_of_organisation"),
        ),
        migrations.AlterField(  # its own index, which the other one stands for
            "usagerecord",
            "organisation",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenancy.organisation",
            ),
        ),
    ]
