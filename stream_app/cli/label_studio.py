"""`label-studio`: a bridge between a project and one of Label Studio's."""

from typing import Annotated

import typer
from pydantic import ValidationError

from stream_app import logs
from stream_app.cli.options import with_settings
from stream_app.client import Client
from stream_app.errors import StreamAppError
from stream_app.settings import Settings


@with_settings("log_level")
async def label_studio(
    settings: Settings,
    project: Annotated[str, typer.Argument(help="The project's id.")],
    url: Annotated[str, typer.Option(help="Where Label Studio is: http://host:port.")],
    studio_project: Annotated[int, typer.Option(help="Label Studio's number of its project.")],
    *,
    name: Annotated[
        str,
        typer.Option(help="Of this Label Studio: its user 7 is annotator NAME-7."),
    ] = "label-studio",
    item_field: Annotated[
        str, typer.Option(help="Field of a task's data that has the item's id.")
    ] = "activelab_item",
    control: Annotated[
        str, typer.Option(help="Name of the `Choices` whose choice is the label.")
    ] = "label",
    host: Annotated[str, typer.Option(help="Address to listen on for webhooks.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65535)
    ] = 8089,
    webhook_url: Annotated[
        str | None,
        typer.Option(
            help="Where Label Studio reaches this bridge; given, the bridge makes the webhook.",
            show_default="made by hand",
        ),
    ] = None,
    pass_seconds: Annotated[
        float, typer.Option(help="Between two passes over what has changed.", min=0.1)
    ] = 60.0,
    full_pass_seconds: Annotated[
        float, typer.Option(help="Between two passes over everything.", min=0.1)
    ] = 3600.0,
) -> None:
    """Bridge a project and one of Label Studio's until Ctrl-C: labels here, selections there.

    STREAM_APP_LABEL_STUDIO_TOKEN is the token of a user of Label Studio's, and what its webhook has
    in the header X-ActiveLab-Secret is STREAM_APP_LABEL_STUDIO_SECRET: docs/label-studio.md.
    """
    # Its HTTP client and server take longer to import than most commands take.
    from stream_app.label_studio import Bridge, StudioSettings, Wiring, Wording  # noqa: PLC0415

    logs.configure(settings.log_level)
    try:
        secrets = StudioSettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        variable = f"STREAM_APP_LABEL_STUDIO_{str(first['loc'][0]).upper()}"
        message = f"{variable}: {first['msg']}."
        raise StreamAppError(message) from error
    wiring = Wiring(
        project=project,
        studio_project=studio_project,
        url=url,
        wording=Wording(name, item_field, control),
        host=host,
        port=port,
        webhook_url=webhook_url,
        pass_seconds=pass_seconds,
        full_pass_seconds=full_pass_seconds,
    )
    async with Client(settings) as client:
        await Bridge(client, wiring, secrets).run()
