from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    name = "retrieval"
    verbose_name = "Documents and questions"

    def ready(self) -> None:
        from retrieval import audited

        audited.register()
