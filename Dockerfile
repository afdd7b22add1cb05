# Our three images: docker build --target cloud|edge|simulators. Each has only what its part needs, and runs as a user without rights.
FROM python:3.13-slim-bookworm AS wheel
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.13-slim-bookworm AS built-cloud
COPY --from=wheel /wheel /wheel
# grafana-client brings urllib3-future, which would write itself over the urllib3 that other packages use; built so, it stands beside it
ENV URLLIB3_NO_OVERRIDE=1 PIP_NO_BINARY=urllib3-future
RUN python -m venv /opt/jieyue && /opt/jieyue/bin/pip install --no-cache-dir "$(ls /wheel/*.whl)[cloud,grafana,influx,reports]"

FROM python:3.13-slim-bookworm AS built-edge
COPY --from=wheel /wheel /wheel
RUN python -m venv /opt/jieyue && /opt/jieyue/bin/pip install --no-cache-dir "$(ls /wheel/*.whl)[edge]"

FROM python:3.13-slim-bookworm AS built-simulators
COPY --from=wheel /wheel /wheel
RUN python -m venv /opt/jieyue && /opt/jieyue/bin/pip install --no-cache-dir "$(ls /wheel/*.whl)[simulators]"

FROM python:3.13-slim-bookworm AS base
RUN useradd --system --uid 10001 --home-dir /var/lib/jieyue --create-home --shell /usr/sbin/nologin jieyue \
 && chmod 0700 /var/lib/jieyue
ENV PATH=/opt/jieyue/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 JIEYUE_PROFILES=/etc/jieyue/site/profiles
WORKDIR /var/lib/jieyue

FROM base AS edge
COPY --from=built-edge /opt/jieyue /opt/jieyue
USER 10001:10001
# every 30 s the gateway commits a row about itself: its outbox is never older than that while it lives
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["sh", "-c", "find /var/lib/jieyue -name 'outbox.db*' -mmin -2 | grep -q ."]
ENTRYPOINT ["jieyue-edge"]
CMD ["run", "--config", "/etc/jieyue/gateway.yaml"]

FROM base AS simulators
COPY --from=built-simulators /opt/jieyue /opt/jieyue
USER 10001:10001
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 15001), 4)"]
ENTRYPOINT ["jieyue-sim"]
CMD ["site", "--site", "lizhou", "--data", "/var/lib/jieyue", "--listen", "0.0.0.0:15001"]

FROM base AS cloud
# what draws the reports' PDF
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=built-cloud /opt/jieyue /opt/jieyue
USER 10001:10001
ENV JIEYUE_BIND=0.0.0.0 JIEYUE_PORT=8080 JIEYUE_DATA=/var/lib/jieyue
HEALTHCHECK --interval=15s --timeout=5s --start-period=180s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['JIEYUE_PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["jieyue-cloud"]
CMD ["serve"]
