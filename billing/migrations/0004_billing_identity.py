"""Billing identities. What one said stays said: the database refuses to change or delete a version or a
check, save that the name of who wrote it can be erased.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

CREATE = """
create function identity_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'what a billing identity said cannot be deleted';
  end if;
  if to_jsonb(new) - 'by' is distinct from to_jsonb(old) - 'by' or new."by" not in (old."by", '') then
    raise exception 'what a billing identity said cannot be changed';
  end if;
  return new;
end $$;
create trigger identity_append_only before update or delete on billing_identityversion
  for each row execute function identity_append_only();
create trigger identity_append_only before update or delete on billing_vatidcheck
  for each row execute function identity_append_only();
"""
DROP = """
drop trigger identity_append_only on billing_identityversion;
drop trigger identity_append_only on billing_vatidcheck;
drop function identity_append_only();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0003_usage_and_costs'),
        ('tenancy', '0004_organisation_requires_mfa'),
    ]

    operations = [
        migrations.CreateModel(
            name='BillingIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('business', 'Business'), ('consumer', 'Consumer')], default='business', max_length=10)),
                ('legal_name', models.CharField(max_length=200)),
                ('street', models.CharField(max_length=200)),
                ('postcode', models.CharField(blank=True, max_length=20)),
                ('city', models.CharField(max_length=100)),
                ('country', models.CharField(max_length=2)),
                ('vat_id', models.CharField(blank=True, max_length=20)),
                ('vat_id_state', models.CharField(choices=[('none', 'None'), ('plausible', 'Plausible'), ('confirmed', 'Confirmed'), ('approved', 'Approved')], default='none', max_length=10)),
                ('registration_number', models.CharField(blank=True, max_length=60)),
                ('buyer_reference', models.CharField(blank=True, max_length=100)),
                ('order_number', models.CharField(blank=True, max_length=60)),
                ('invoice_email', models.EmailField(max_length=254)),
                ('electronic_scheme', models.CharField(blank=True, max_length=4)),
                ('electronic_address', models.CharField(blank=True, max_length=100)),
                ('version', models.PositiveIntegerField(default=0)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('organisation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='billing_identity', to='tenancy.organisation')),
            ],
        ),
        migrations.CreateModel(
            name='VatIdCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('vies', 'Vies'), ('approval', 'Approval'), ('withdrawal', 'Withdrawal')], max_length=10)),
                ('vat_id', models.CharField(max_length=20)),
                ('valid', models.BooleanField()),
                ('number', models.CharField(blank=True, max_length=60)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.CharField(blank=True, max_length=254)),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='billing.billingidentity')),
            ],
        ),
        migrations.AddField(
            model_name='billingidentity',
            name='check_in_force',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.vatidcheck'),
        ),
        migrations.CreateModel(
            name='IdentityVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveIntegerField()),
                ('data', models.JSONField()),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by', models.CharField(blank=True, max_length=254)),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='billing.billingidentity')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('identity', 'version'), name='one_identity_a_version')],
            },
        ),
        migrations.CreateModel(
            name='LocationProof',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('address', 'Address'), ('bank', 'Bank'), ('internet', 'Internet'), ('landline', 'Landline'), ('sim', 'Sim'), ('other', 'Other')], max_length=10)),
                ('country', models.CharField(max_length=2)),
                ('source', models.CharField(max_length=200)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('identity', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proofs', to='billing.billingidentity')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('identity', 'kind'), name='one_proof_a_kind')],
            },
        ),
        migrations.AddIndex(
            model_name='billingidentity',
            index=models.Index(condition=models.Q(('vat_id_state', 'plausible')), fields=['updated_at'], name='vat_ids_to_confirm'),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
