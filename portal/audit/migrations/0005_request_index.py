"""Find what a request did by its id, without stopping writers while the index is built."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("audit", "0004_on_behalf_of")]
    operations = [
        AddIndexConcurrently("auditevent", models.Index(fields=["request_id"], name="audit_request")),
    ]
