# One of the stores that the tests build, in the base that the operator's image has too.
FROM python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

COPY store /usr/local/bin/store

USER 65532:65532
ENTRYPOINT ["/usr/local/bin/store"]
