"""Staff looks at failed operations first: found without reading all, built without stopping writers."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("instances", "0001_initial")]
    operations = [
        AddIndexConcurrently(
            "operation",
            models.Index(
                condition=models.Q(("state", "failed")), fields=["-finished_at"], name="operation_failed"
            ),
        ),
    ]
