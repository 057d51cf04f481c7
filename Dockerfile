# One image for every role: `docker run genre worker classify`. It holds no secret; settings come from GENRE_* variables.
FROM python:3.11-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/genre/environment
ENV PATH=/opt/genre/environment/bin:$PATH
WORKDIR /opt/genre/code

# The slow layers first: what is installed changes less often than the code.
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /tmp/dependencies.txt \
    && pip install --no-cache-dir -c constraints.txt setuptools -r /tmp/dependencies.txt

# The models are made and fitted here, not at start: a worker that restarts is ready in seconds and needs no network.
COPY schemas schemas
COPY genre_models/__init__.py genre_models/atomic.py genre_models/packages.py genre_models/weights.py genre_models/
COPY genre_models/bases genre_models/bases
RUN python -m genre_models.weights --cache /opt/genre/models

COPY . .
# exact: the integers of the kernel are pinned, and those of torch need no measuring here.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && GENRE_ENGINE=exact GENRE_MODELS=/opt/genre/models genre prepare \
    && GENRE_MODELS=/opt/genre/models genre safety tune


FROM python:3.11-slim

# The engine's kernel is compiled for the processor it runs on, at the first start. Debian keeps one version only.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*

# Workers write to these folders only; they must belong to them also when a volume is mounted there.
RUN useradd --uid 10001 --create-home genre \
    && install --directory --owner genre --group genre /var/lib/genre/adapters /var/lib/genre/sent \
        /var/lib/genre/state
COPY --from=build /opt/genre /opt/genre

ENV PATH=/opt/genre/environment/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    GENRE_MODELS=/opt/genre/models \
    GENRE_ADAPTERS=/var/lib/genre/adapters \
    GENRE_CORPORA=/var/lib/genre/sent \
    GENRE_STATE=/var/lib/genre/state \
    GENRE_HEALTH_PORT=8080
USER 10001
WORKDIR /home/genre

# 503 while a worker starts, recovers its tables, announces its adapters, waits in a rebalance or hears nothing of
# Kafka; `docker inspect` shows the reason. One that stands ends with code 70, and the restart policy starts it again.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import http.client as http; page = http.HTTPConnection('127.0.0.1', 8080, timeout=4); page.request('GET', '/health'); told = page.getresponse(); print(told.read().decode()); raise SystemExit(told.status != 200)"]
ENTRYPOINT ["genre"]
CMD ["--help"]
