from django.db import migrations, models
from django.db.models import Q

MOVING = ("scanning", "parsing", "splitting", "embedding")


class Migration(migrations.Migration):
    """No version moves without a lease, and none that rests has one: the database sees to it.

    Apart from 0010, whose rows must be written before their table is altered again.
    Lock: brief. Back: no, as 0010.
    """

    dependencies = [("retrieval", "0010_versions")]
    operations = [
        migrations.RemoveField("document", "file"),
        migrations.AddConstraint(
            "ingestion",
            models.CheckConstraint(
                condition=Q(state__in=MOVING, lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(state__in=MOVING) & Q(lease_token=None, lease_until=None)),
                name="ingestion_moves_under_a_lease",
            ),
        ),
        migrations.AddIndex(
            "ingestion",
            models.Index(
                fields=["tenant", "next_try_at"], condition=Q(state="received"), name="ingestion_waiting"
            ),
        ),
        migrations.AddIndex(
            "ingestion",
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="ingestion_leased"
            ),
        ),
    ]
