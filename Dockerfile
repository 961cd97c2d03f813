# One image for every role: docker build -t zenith:local .
# Needs no BuildKit. Targets: `runtime` (the default: zenith and the libraries it links) and `models` (that, with pip and the wheels
# of deploy/wheels, for the service that fills the model volume).
ARG BASE=debian:bookworm-slim

# The executable: compiled here, or deploy/prebuilt/zenith where that exists.
FROM ${BASE} AS compile
WORKDIR /src
COPY scripts/setup.sh scripts/packages-debian.txt scripts/requirements.txt scripts/
COPY deploy/prebuilt deploy/prebuilt
RUN if [ -e deploy/prebuilt/zenith ]; then echo "deploy/prebuilt/zenith is taken: nothing is compiled"; \
    else scripts/setup.sh build && rm -rf /var/lib/apt/lists/*; fi
COPY . .
RUN mkdir -p /out && \
    if [ -e deploy/prebuilt/zenith ]; then cp deploy/prebuilt/zenith /out/zenith; \
    else cmake --preset release -DZENITH_MEDIA=OFF -DZENITH_TESTS=OFF -DZENITH_BENCH=OFF && scripts/build.sh release zenith && \
         strip -o /out/zenith build/release/bin/zenith; fi

FROM ${BASE} AS runtime-base
COPY scripts/setup.sh scripts/packages-debian.txt scripts/requirements.txt /tmp/setup/scripts/
RUN /tmp/setup/scripts/setup.sh run && rm -rf /tmp/setup /var/lib/apt/lists/* /var/cache/apt/* && \
    groupadd --gid 10001 zenith && useradd --uid 10001 --gid zenith --no-create-home --home-dir /var/lib/zenith --shell /usr/sbin/nologin zenith && \
    install -d -o zenith -g zenith -m 0700 /run/zenith /var/lib/zenith /var/lib/zenith-keys /var/lib/zenith-curve
COPY deploy/compose/zenith.toml /etc/zenith/zenith.toml
COPY deploy/compose/zenith-health.sh deploy/compose/zenith-access.sh /usr/local/bin/
ENV ZENITH_HOME=/var/lib/zenith ZENITH_RUN_DIR=/run/zenith HOME=/var/lib/zenith LANG=C.UTF-8
USER zenith
WORKDIR /var/lib/zenith
EXPOSE 8080
ENTRYPOINT ["zenith"]

FROM runtime-base AS models
USER root
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3 python3-pip && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY deploy/wheels /opt/wheels
# Staged wheels are all that is needed, so the index is not asked; without them it is.
RUN if ls /opt/wheels/*.whl >/dev/null 2>&1; then printf '[global]\nno-index = true\nfind-links = /opt/wheels\n' > /etc/pip.conf; fi
COPY --from=compile /out/zenith /usr/local/bin/zenith
USER zenith
CMD ["pull", "--defaults"]

FROM runtime-base AS runtime
COPY --from=compile /out/zenith /usr/local/bin/zenith
HEALTHCHECK --interval=5s --timeout=4s --start-period=120s --retries=3 CMD ["zenith-health.sh"]
CMD ["serve"]
