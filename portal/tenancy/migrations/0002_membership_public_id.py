"""Members get a public name: database keys never leave the server."""

from django.db import migrations, models

import portal.tenancy.models
from portal.kernel import ids


def name_members(apps, schema_editor):
    rows = apps.get_model("tenancy", "Membership").objects.filter(public_id="")
    for member in rows.iterator():
        member.public_id = ids.public_id("mb")
        member.save(update_fields=["public_id"])


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0001_initial")]

    operations = [
        migrations.AddField(
            "membership", "public_id", models.CharField(max_length=16, default="")
        ),
        migrations.RunPython(name_members, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "membership",
            "public_id",
            models.CharField(
                max_length=16, unique=True, default=portal.tenancy.models._new_member_id
            ),
        ),
    ]
