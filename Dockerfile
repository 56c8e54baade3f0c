# Serves a folder of models; torch is not inside. Train with the command line first, then:
#   docker run --read-only -p 127.0.0.1:8000:8000 -v "$PWD/models:/models:ro" machim
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /source
COPY . .
RUN python -m pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /wheels . \
 && python -m venv --without-pip /opt/machim \
 && python -m pip --python /opt/machim/bin/python install --quiet --no-cache-dir --only-binary :all: /wheels/*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="machim" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin machim \
 && install -d -o machim -g machim /models
COPY LICENSE NOTICE /licenses/
COPY --from=build /opt/machim /opt/machim
# /dev/shm is memory, and can be written where the root file system cannot.
# ONNX Runtime would otherwise keep an identifier of the device on disk and report to its makers.
ENV ORT_DISABLE_TELEMETRY=1 \
    PATH=/opt/machim/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/dev/shm
USER 10001:10001
WORKDIR /models
EXPOSE 8000
# http.client, for it asks no proxy on the way to itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["machim"]
# Every address of the container, which is reached only through the port that is published.
CMD ["serve", "/models", "--host", "0.0.0.0", "--port", "8000"]
