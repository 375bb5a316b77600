from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and tenants"

    def ready(self) -> None:
        from accounts.sign_in import receivers  # noqa: F401  (registers them)
