"""Erasing a person takes the salt as well, and all personal fields of a row at once."""

from django.db import migrations, models

CREATE = """
create or replace function audit_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'audit events cannot be deleted';
  end if;
  if to_jsonb(new) - array['actor_name', 'address', 'salt']
     is distinct from to_jsonb(old) - array['actor_name', 'address', 'salt'] then
    raise exception 'audit events cannot be changed';
  end if;
  if (new.actor_name, new.address, new.salt) is distinct from (old.actor_name, old.address, old.salt)
     and not (new.actor_name = '' and new.address = '' and new.salt = '') then
    raise exception 'personal fields of audit events can only be erased';
  end if;
  return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [
        migrations.RunSQL(CREATE, migrations.RunSQL.noop),
        migrations.AlterField("auditevent", "salt", models.CharField(blank=True, max_length=32)),
    ]
