"""What was said of an incident stays said: the database refuses to change or delete it."""

from django.db import migrations

CREATE = """
create function incident_update_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'updates of incidents cannot be changed or deleted';
end $$;
create trigger incident_update_append_only before update or delete on status_incidentupdate
  for each row execute function incident_update_append_only();
"""
DROP = """
drop trigger incident_update_append_only on status_incidentupdate;
drop function incident_update_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("status", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
