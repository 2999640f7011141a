FROM python:3.12.11-slim-bookworm AS build
RUN python -m venv /opt/activelab-stream
WORKDIR /src
COPY requirements.lock ./
RUN /opt/activelab-stream/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY activelab activelab
COPY schemas schemas
COPY stream_app stream_app
RUN /opt/activelab-stream/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 10001 --create-home worker \
    && install --directory --owner worker --group worker /var/lib/activelab-stream
COPY --from=build /opt/activelab-stream /opt/activelab-stream
ENV PATH=/opt/activelab-stream/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STREAM_APP_DATA_DIR=/var/lib/activelab-stream \
    STREAM_APP_WEB_HOST=0.0.0.0 \
    STREAM_APP_WEB_PORT=6066
USER worker
WORKDIR /var/lib/activelab-stream
VOLUME /var/lib/activelab-stream
EXPOSE 6066
ENTRYPOINT ["activelab-stream"]
CMD ["worker"]
