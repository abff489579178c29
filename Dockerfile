ARG PYTHON_VERSION=3.13

FROM docker.io/library/python:${PYTHON_VERSION}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
# The environment has no pip of its own: nothing installs anything in the image.
RUN python -m venv --without-pip /opt/sidecar \
    && python -m pip --python /opt/sidecar/bin/python install --no-compile --no-deps --require-hashes --only-binary :all: -r requirements/run.txt \
    && python -m pip install --no-deps --require-hashes --only-binary :all: -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY sidecar sidecar
# The numeric packages bring tests, stubs and headers, and most of their modules are never imported: only what is imported
# is compiled, which the read-only image could not do itself.
RUN python -m pip wheel --no-index --no-build-isolation --no-deps --wheel-dir dist . \
    && python -m pip --python /opt/sidecar/bin/python install --no-compile --no-index --no-deps dist/*.whl \
    && find /opt/sidecar/lib -depth -type d -name tests -exec rm -r {} + \
    && find /opt/sidecar/lib -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.h' -o -name '*.a' \) -delete \
    && /opt/sidecar/bin/python -c 'import sidecar.cli, sidecar.service'

FROM docker.io/library/python:${PYTHON_VERSION}-slim-bookworm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="prometheus-anomaly-sidecar" \
      org.opencontainers.image.description="Finds anomalies in Prometheus metrics without labels and re-exports them as gauges" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/prometheus-anomaly-sidecar/prometheus-anomaly-sidecar" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sidecar /opt/sidecar
COPY config.yaml /etc/sidecar/config.yaml
# One thread for linear algebra: the matrices are small, and every thread has its own buffers.
ENV PATH=/opt/sidecar/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1
USER 65532:65532
EXPOSE 9847
# Any answer will do, as one that asks for a password. With TLS or on another port, give a check of your own or none.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from http.client import HTTPConnection as H; c = H('127.0.0.1', 9847, timeout=4); c.request('GET', '/-/healthy'); exit(c.getresponse().status >= 500)"]
ENTRYPOINT ["sidecar"]
CMD ["run", "--config.file=/etc/sidecar/config.yaml"]
