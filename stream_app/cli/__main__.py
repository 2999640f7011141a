"""Run the command line as a module."""

from stream_app.cli import main

main()
