# The operator's image. Every step is also run by the tests, without a container engine.
# Both stages have the same base; Renovate moves the version and the digest together.

FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src

# What is shipped. It has no pip of its own: the base's installs into it.
RUN python -m venv --without-pip /opt/s3-resource-operator

# Wheels only, so no compiler is needed, and none of their code runs before it is shipped.
COPY requirements.lock ./
RUN pip --python /opt/s3-resource-operator/bin/python install \
    --require-hashes --only-binary :all: --no-compile -r requirements.lock

# Only the build stage has the build backend.
COPY requirements-build.lock ./
RUN pip install --require-hashes --only-binary :all: --no-compile -r requirements-build.lock

COPY pyproject.toml README.md LICENSE ./
COPY backends backends
COPY hooks hooks
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . && \
    pip --python /opt/s3-resource-operator/bin/python install --no-deps --no-index --no-compile dist/*.whl

# Half of the bytes, never used. Of the Kubernetes client the operator has only the reader of a
# kubeconfig, and neither its calls nor their models. MinIO's client takes AES and ChaCha20 of the
# ciphers, and no public key. Of botocore only the signer is used, and no description of a service.
RUN rm -rf /opt/s3-resource-operator/lib/python3.*/site-packages/botocore/data \
    /opt/s3-resource-operator/lib/python3.*/site-packages/kubernetes/aio \
    /opt/s3-resource-operator/lib/python3.*/site-packages/kubernetes/client/api && \
    find /opt/s3-resource-operator/lib/python3.*/site-packages/kubernetes/client/models \
        -type f ! -name __init__.py -delete && \
    rm -rf /opt/s3-resource-operator/lib/python3.*/site-packages/Crypto/IO \
        /opt/s3-resource-operator/lib/python3.*/site-packages/Crypto/Math \
        /opt/s3-resource-operator/lib/python3.*/site-packages/Crypto/Protocol \
        /opt/s3-resource-operator/lib/python3.*/site-packages/Crypto/PublicKey \
        /opt/s3-resource-operator/lib/python3.*/site-packages/Crypto/SelfTest \
        /opt/s3-resource-operator/lib/python3.*/site-packages/Crypto/Signature

# Nothing can be written where it runs, so all is compiled here. "unchecked" because a time stamp
# would make every build another one, and a source that can't change needs no check. What is left of
# __pycache__ is pip's: it imports some of what it has installed. The operator keeps its sources, so
# that a traceback shows its lines. Of the packages the bytecode is all that is read; -b puts it
# where Python looks for it without a source.
RUN find /opt/s3-resource-operator/lib -name __pycache__ -prune -exec rm -rf {} + && \
    python -m compileall -q --invalidation-mode unchecked-hash \
        /opt/s3-resource-operator/lib/python3.*/site-packages/hooks \
        /opt/s3-resource-operator/lib/python3.*/site-packages/backends && \
    python -m compileall -q -b --invalidation-mode unchecked-hash \
        -x '/site-packages/(hooks|backends)/' /opt/s3-resource-operator/lib && \
    find /opt/s3-resource-operator/lib -name '*.py' \
        ! -path '*/site-packages/hooks/*' ! -path '*/site-packages/backends/*' -delete


FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

# A running operator installs nothing.
RUN rm -rf /usr/local/bin/pip* \
    /usr/local/lib/python3.*/ensurepip \
    /usr/local/lib/python3.*/site-packages/pip*

COPY --from=build /opt/s3-resource-operator /opt/s3-resource-operator

ENV PATH=/opt/s3-resource-operator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="S3 Resource Operator" \
      org.opencontainers.image.description="Turns annotated Kubernetes Secrets into buckets and users on an S3 store, as a Metacontroller hook" \
      org.opencontainers.image.url="https://github.com/s3-resource-operator/s3-resource-operator" \
      org.opencontainers.image.source="https://github.com/s3-resource-operator/s3-resource-operator" \
      org.opencontainers.image.documentation="https://github.com/s3-resource-operator/s3-resource-operator/blob/main/README.md" \
      org.opencontainers.image.vendor="S3 Resource Operator contributors" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13.15-slim-trixie" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A number, because Kubernetes' runAsNonRoot can't judge a name.
USER 65532:65532
WORKDIR /

# The hooks, and health with metrics. Kubernetes' probes ask there, so there is no HEALTHCHECK.
EXPOSE 8080 8000

# The operator is process 1: it takes SIGTERM itself and has no children to reap.
ENTRYPOINT ["s3-resource-operator"]
CMD ["serve"]
