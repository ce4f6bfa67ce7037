# The master in a container, with its local worker:
#     docker build -t arm_ci . && docker run --rm --network host -v arm_ci_state:/srv/arm_ci/state arm_ci
# It shares the host's network, because the web UI has no authentication and listens on loopback only: published ports
# do not reach a container's own loopback, and listening elsewhere would hand every worker to whoever can connect.
# It holds no state. For boards mount your own /srv/arm_ci/config, with `tls: {}`.
FROM debian:12-slim

RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        ca-certificates ckati clang cmake g++ git lld make ninja-build python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /srv/arm_ci --shell /usr/sbin/nologin arm_ci

WORKDIR /srv/arm_ci
# The packages first: they change seldom, and the layer stays.
COPY requirements.txt ./
RUN python3 -m venv /opt/arm_ci \
    && /opt/arm_ci/bin/python -m pip install --no-cache-dir --disable-pip-version-check -q \
        -r requirements.txt setuptools==65.5.0 wheel==0.45.1

COPY pyproject.toml setup.py README.md LICENSE master.cfg ./
COPY arm_ci ./arm_ci
COPY config ./config
COPY patches ./patches
COPY samples ./samples
# Editable, because the master reads master.cfg beside the package.
RUN /opt/arm_ci/bin/python -m pip install --no-cache-dir --disable-pip-version-check -q --no-deps --no-build-isolation -e . \
    && mkdir -p state \
    && chown -R arm_ci: state

USER arm_ci
ENV PATH=/opt/arm_ci/bin:/usr/bin:/bin
VOLUME /srv/arm_ci/state
# The container lives as long as the master, and its log is the container's; `arm-ci stop` or the end of the container ends both.
CMD ["sh", "-c", "arm-ci start && tail --pid=$(cat state/twistd.pid) -n +1 -F state/twistd.log"]
