"""The worker on Faust and Kafka, and its clients: command line, trainer, audit, demo."""
