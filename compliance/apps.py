from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"
    verbose_name = "Compliance"

    def ready(self) -> None:
        from accounts.events import happened
        from compliance.audit.listen import note

        happened.connect(note, dispatch_uid="compliance.audit")
