# syntax=docker/dockerfile:1
# Targets: `countersign` (the default), the one binary of all roles, and `nats`, the
# stock server with a folder that any user may write to.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p countersign \
    && install -m 0755 target/release/countersign /usr/local/bin/countersign

FROM nats:2.11-alpine AS nats
# A new volume takes the mode of the folder that it is mounted on.
RUN install -d -m 1777 /data
USER 10001:10001
VOLUME /data

FROM debian:bookworm-slim AS countersign
RUN groupadd --system --gid 10001 countersign \
    && useradd --system --uid 10001 --gid 10001 --home-dir /nonexistent \
       --shell /usr/sbin/nologin countersign \
    && install -d -m 1777 /var/lib/countersign/vault /var/lib/countersign/roster \
       /var/lib/countersign/checkpoints
COPY --from=build /usr/local/bin/countersign /usr/local/bin/countersign
COPY --chmod=0755 deploy/healthcheck /usr/local/bin/healthcheck
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["countersign"]
CMD ["--help"]
