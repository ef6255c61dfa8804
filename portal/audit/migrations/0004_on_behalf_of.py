"""On whose behalf staff acted. Old events hold none and keep their hash; the new name is personal, so it is erased
with the others.
"""

from django.db import migrations, models

CREATE = """
create or replace function audit_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'audit events cannot be deleted';
  end if;
  if to_jsonb(new) - array['actor_name', 'address', 'on_behalf_of', 'salt']
     is distinct from to_jsonb(old) - array['actor_name', 'address', 'on_behalf_of', 'salt'] then
    raise exception 'audit events cannot be changed';
  end if;
  if (new.actor_name, new.address, new.on_behalf_of, new.salt)
     is distinct from (old.actor_name, old.address, old.on_behalf_of, old.salt)
     and not (new.actor_name = '' and new.address = '' and new.on_behalf_of = '' and new.salt = '') then
    raise exception 'personal fields of audit events can only be erased';
  end if;
  return new;
end $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_erase_salt")]
    operations = [
        migrations.AddField(
            "auditevent", "on_behalf_of_id", models.CharField(blank=True, db_default="", default="", max_length=40)
        ),
        migrations.AddField(
            "auditevent", "on_behalf_of", models.CharField(blank=True, db_default="", default="", max_length=254)
        ),
        migrations.RunSQL(CREATE, migrations.RunSQL.noop),
    ]
