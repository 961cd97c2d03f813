# Images for every role: docker build -t zenith:local .
# Needs no BuildKit. Targets: `runtime` (the default: zenith, zenith-sensor-host with its plugins, and the libraries they link), `media`
# (that, with zenith-media and what it links: the roles voice and vision; it holds Debian's GPL FFmpeg) and `models` (with pip and the
# wheels of deploy/wheels, for the service that fills the model volume).
ARG BASE=debian:bookworm-slim

# The executables: compiled here, or deploy/prebuilt/usr where that exists.
FROM ${BASE} AS compile
WORKDIR /src
COPY scripts/setup.sh scripts/packages-debian.txt scripts/requirements.txt scripts/
COPY deploy/prebuilt deploy/prebuilt
COPY deploy/wheels deploy/wheels
# A staged wheel of OpenVINO is all that pip needs, so the index is not asked; without it it is.
RUN if [ -e deploy/prebuilt/usr ]; then echo "deploy/prebuilt/usr is taken: nothing is compiled"; else \
      if ls deploy/wheels/openvino-*.whl >/dev/null 2>&1; then export PIP_NO_INDEX=1 PIP_FIND_LINKS=/src/deploy/wheels; fi; \
      scripts/setup.sh build && scripts/setup.sh media && rm -rf /var/lib/apt/lists/*; fi
COPY . .
RUN mkdir -p /out && \
    if [ -e deploy/prebuilt/usr ]; then cp -r deploy/prebuilt/usr /out/usr; \
    else cmake --preset release -DZENITH_TESTS=OFF -DZENITH_BENCH=OFF && \
         scripts/build.sh release zenith zenith-media zenith-sensor-host && \
         cmake --install build/release --prefix /out/usr --strip; fi

FROM ${BASE} AS runtime-base
COPY scripts/setup.sh scripts/packages-debian.txt scripts/requirements.txt /tmp/setup/scripts/
RUN /tmp/setup/scripts/setup.sh run && rm -rf /tmp/setup /var/lib/apt/lists/* /var/cache/apt/* && \
    groupadd --gid 10001 zenith && useradd --uid 10001 --gid zenith --no-create-home --home-dir /var/lib/zenith --shell /usr/sbin/nologin zenith && \
    install -d -o zenith -g zenith -m 0700 /run/zenith /var/lib/zenith /var/lib/zenith/models /var/lib/zenith/cache /var/lib/zenith-keys /var/lib/zenith-curve
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
COPY --from=compile /out/usr/bin/zenith /usr/local/bin/zenith
USER zenith
CMD ["pull", "--defaults"]

FROM runtime-base AS media
USER root
COPY scripts/setup.sh scripts/packages-debian.txt scripts/requirements.txt /tmp/setup/scripts/
RUN /tmp/setup/scripts/setup.sh run-media && rm -rf /tmp/setup /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=compile /out/usr/bin/zenith /out/usr/bin/zenith-media /out/usr/bin/zenith-sensor-host /usr/local/bin/
COPY --from=compile /out/usr/lib/zenith /usr/local/lib/zenith
USER zenith
CMD ["serve", "voice"]

FROM runtime-base AS runtime
COPY --from=compile /out/usr/bin/zenith /out/usr/bin/zenith-sensor-host /usr/local/bin/
COPY --from=compile /out/usr/lib/zenith/plugins /usr/local/lib/zenith/plugins
HEALTHCHECK --interval=5s --timeout=4s --start-period=120s --retries=3 CMD ["zenith-health.sh"]
CMD ["serve"]
