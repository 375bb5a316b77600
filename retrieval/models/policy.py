"""What one tenant has decided for itself. A change invalidates its cached answers (migration 0003)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Tenant


class TenantPolicy(models.Model):
    """Guardrails of one tenant; a tenant without a row has the defaults, which are the strict ones."""

    class InjectionMode(models.TextChoices):
        BLOCK = "block"
        REPORT = "report"
        OFF = "off"

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="policy")
    injection_mode = models.CharField(
        max_length=8, choices=InjectionMode.choices, default=InjectionMode.BLOCK
    )
    injection_threshold = models.FloatField(default=0.6)
    pii = models.JSONField(
        "personal data", default=dict, blank=True, help_text='e.g. {"question": {"EMAIL_ADDRESS": "mask"}}'
    )
    allowed_hosts = ArrayField(
        models.CharField(max_length=253), default=list, blank=True, help_text="Hosts an answer may link to."
    )

    class Meta:
        verbose_name_plural = "tenant policies"

    def __str__(self) -> str:
        return f"policy of {self.tenant_id}"


class GlossaryTerm(models.Model):
    """An acronym or word of the house, and its long form."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    term = models.CharField(max_length=60)
    expansion = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "term"], name="glossary_term_in_tenant")]
        ordering = ["term"]

    def __str__(self) -> str:
        return self.term
