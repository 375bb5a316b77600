"""PostgreSQL and Redis of one installation, started together."""

from dataclasses import dataclass, field

from ragsite.embedded.account import Account, service_account
from ragsite.embedded.children import Children, Pause, sweep
from ragsite.embedded.folders import cannot_write, ensure_places, ensure_space
from ragsite.embedded.paths import Places
from ragsite.embedded.postgres import Postgres
from ragsite.embedded.redis import Redis
from ragsite.embedded.roles import ensure_roles
from ragsite.embedded.secrets import ensure_secrets


@dataclass(slots=True, kw_only=True)
class Services:
    """The embedded servers, or those of them that are wanted; children do the work.

    Every method may raise CannotStart; `children.end_all` ends what did start.
    """

    places: Places
    children: Children
    pause: Pause
    durable: bool = True
    account: Account | None = field(init=False, default=None)

    def prepare(self) -> dict[str, str]:
        """Make folders and secrets, end what a killed start left behind; returns the secrets."""
        self.account = service_account(self.places.postgres_data)
        ensure_places(self.places, self.account)
        ensure_space(self.places.ground)
        sweep(self.places.home)
        try:
            return ensure_secrets(self.places.secrets)
        except OSError as error:
            raise cannot_write(self.places.home, error) from error

    def start_postgres(self, secrets: dict[str, str]) -> bool:
        """Start PostgreSQL with its roles and database; returns whether the data folder is new."""
        server = Postgres(places=self.places, secrets=secrets, account=self.account, durable=self.durable)
        server.check_version()
        is_new = not server.exists
        if is_new:
            server.create(self.children, self.pause)
        server.start(self.children, self.pause)
        ensure_roles(self.places.run, secrets)
        return is_new

    def start_redis(self) -> None:
        Redis(places=self.places, account=self.account).start(self.children, self.pause)
