from django.apps import AppConfig


class RagsiteConfig(AppConfig):
    name = "ragsite"

    def ready(self) -> None:
        from ragsite import checks  # noqa: F401  (registers them)
