from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('regions', '0007_prober_key_heard'),
    ]

    operations = [
        migrations.AddField(
            model_name='region',
            name='prober_silent_since',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
