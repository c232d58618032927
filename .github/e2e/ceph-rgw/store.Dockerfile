# Ceph of this system's packages: there is no single program of it that could be copied.
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ceph-mon ceph-osd radosgw \
    && rm -rf /var/lib/apt/lists/*

USER 65532:65532
ENTRYPOINT ["/bin/sh"]
