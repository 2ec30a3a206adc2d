# Serves a disk image through tiercache:
#
#   docker build -t tiercache .
#   docker run -p 10809:10809 -v tiercache:/var/cache/tiercache \
#     tiercache https://images.example.com/debian.raw cache-size=100G
#   nbdinfo nbd://localhost
#
# What follows the name are parameters of nbdkit-tiercache-plugin(1).

FROM debian:12 AS build
COPY debian/control /src/debian/
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get build-dep -y \
      --no-install-recommends /src
COPY . /src
RUN cd /src && dpkg-buildpackage -b -us -uc && \
    mkdir /packages && mv /nbdkit-tiercache_*.deb /packages

FROM debian:12-slim
COPY --from=build /packages /packages
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y \
      --no-install-recommends ca-certificates /packages/*.deb && \
    rm -rf /packages /var/lib/apt/lists/* && \
    install -d -o tiercache -g tiercache -m 700 /var/cache/tiercache
USER tiercache
VOLUME /var/cache/tiercache
EXPOSE 10809
ENTRYPOINT ["nbdkit", "-f", "-t", "64", "tiercache", \
            "cache-dir=/var/cache/tiercache"]
