"""What Faust must be told so that its consumer connects as all our other clients do."""

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from stream_app.connection import protection
from stream_app.settings import Settings


def credentials(settings: Settings) -> Credentials | None:
    """Return the credentials of which Faust makes the arguments that `protection` returns."""
    arguments = protection(settings)
    if "sasl_mechanism" in arguments:
        return SASLCredentials(
            mechanism=arguments["sasl_mechanism"],
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            ssl_context=arguments.get("ssl_context"),
        )
    if "ssl_context" in arguments:
        return SSLCredentials(arguments["ssl_context"])
    return None
