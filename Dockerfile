# The master in a container, with its local worker:
#     docker build -t arm_ci . && docker run --rm --network host -v arm_ci_site:/srv/arm_ci arm_ci
# It shares the host's network, because the web UI has no authentication and listens on loopback only: published ports
# do not reach a container's own loopback, and listening elsewhere would hand every worker to whoever can connect.
# The volume is the site directory: the configuration in YAML, and the state. The first start makes the site.
FROM debian:12-slim AS wheel

RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3 python3-venv \
    && python3 -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --disable-pip-version-check -q setuptools==65.5.0 wheel==0.45.1

WORKDIR /source
COPY pyproject.toml setup.py README.md LICENSE master.cfg ./
COPY arm_ci ./arm_ci
COPY config ./config
COPY patches ./patches
COPY samples ./samples
COPY workers ./workers
RUN /opt/build/bin/python -m pip wheel --disable-pip-version-check -q --no-deps --no-build-isolation --wheel-dir /wheel .

FROM debian:12-slim

RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        ca-certificates ckati clang cmake g++ git lld make ninja-build python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /srv/arm_ci --shell /usr/sbin/nologin arm_ci

# The packages first: they change seldom, and the layer stays.
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m venv /opt/arm_ci \
    && /opt/arm_ci/bin/python -m pip install --no-cache-dir --disable-pip-version-check -q \
        -r /tmp/requirements.txt setuptools==65.5.0
COPY --from=wheel /wheel /wheel
RUN /opt/arm_ci/bin/python -m pip install --no-cache-dir --disable-pip-version-check -q --no-deps /wheel/*.whl

USER arm_ci
ENV PATH=/opt/arm_ci/bin:/usr/bin:/bin
WORKDIR /srv/arm_ci
VOLUME /srv/arm_ci
# The container lives as long as the master, and its log is the container's; `arm-ci stop` or the end of the container ends both.
CMD ["sh", "-c", "{ [ -e site.yaml ] || arm-ci init .; } && arm-ci start && tail --pid=$(cat state/twistd.pid) -n +1 -F state/twistd.log"]
