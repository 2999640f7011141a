"""Who may read and who may write.

    bound to      token   reads                                  writes
    loopback      none    whoever is on this machine             nobody
    loopback      set     whoever is on this machine, or has it  whoever has it
    elsewhere     none    nobody                                 nobody
    elsewhere     set     whoever has it                         whoever has it

Being on this machine means to call it by a name of the loopback: so a page of somebody else, whose
name was made to resolve to this machine, reads nothing in a browser here. The token is taken from
the Authorization header alone, which no browser sends by itself: so no page of somebody else
writes.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from yarl import URL

from stream_app.settings import Settings, variable
from stream_app.web.problems import Declined

TOKEN = variable("api_token")
SCHEME = "Bearer "


def is_loopback(host: str | None) -> bool:
    """Say whether a name or an address is of this machine alone.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "0.0.0.0", "evil.test")]
    [True, True, True, False, False]
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Access:
    """The rule above, for one worker."""

    token: SecretStr | None
    at_home: bool
    """Whether it is bound to the loopback."""

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Read the rule off a worker's settings."""
        return cls(settings.api_token, is_loopback(settings.web_host))

    def check(self, headers: Mapping[str, str], *, writes: bool) -> None:
        """Raise Declined unless whoever sends these headers may read, or write."""
        if not writes and self.at_home and _called_at_home(headers.get("Host", "")):
            return
        if self.token is None:
            what = "steered" if writes else "read from other machines"
            raise Declined(403, f"This worker can't be {what} by HTTP: it has no {TOKEN}.")
        given = headers.get("Authorization", "")
        right = SCHEME + self.token.get_secret_value()
        if not hmac.compare_digest(given.encode(), right.encode()):
            raise Declined(401, f"Send the worker's {TOKEN} as `Authorization: {SCHEME}...`.")

    def credentials(self) -> dict[str, str]:
        """Return the headers by which a worker asks another one."""
        return (
            {} if self.token is None else {"Authorization": SCHEME + self.token.get_secret_value()}
        )


def _called_at_home(host: str) -> bool:
    try:
        return is_loopback(URL(f"http://{host}").host)
    except ValueError:
        return False
