from django.db import migrations

# Without it all that ran before would be taken for silent until the next round.
_HEARD = """
update billing_usagerecord set metered_at = now()
where metered_at is null and day >= current_date - 2"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0019_price_changes"),
    ]

    operations = [migrations.RunSQL(_HEARD, migrations.RunSQL.noop)]
