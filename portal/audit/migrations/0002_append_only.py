"""The database itself refuses to change or delete what was written; erasing personal fields stays possible."""

from django.db import migrations

CREATE = """
create function audit_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'audit events cannot be deleted';
  end if;
  if new.actor_name not in (old.actor_name, '') or new.address not in (old.address, '') then
    raise exception 'personal fields of audit events can only be erased';
  end if;
  if row(new.chain, new.sequence, new.at, new.actor_kind, new.actor_id, new.token, new.request_id, new.verb,
         new.target_kind, new.target, new.project, new.before, new.after, new.reason, new.salt,
         new.personal_digest, new.previous_hash, new.hash)
     is distinct from
     row(old.chain, old.sequence, old.at, old.actor_kind, old.actor_id, old.token, old.request_id, old.verb,
         old.target_kind, old.target, old.project, old.before, old.after, old.reason, old.salt,
         old.personal_digest, old.previous_hash, old.hash) then
    raise exception 'audit events cannot be changed';
  end if;
  return new;
end $$;
create trigger audit_append_only before update or delete on audit_auditevent
  for each row execute function audit_append_only();
"""
DROP = """
drop trigger audit_append_only on audit_auditevent;
drop function audit_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
