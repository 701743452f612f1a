# One image for every program: `docker run packetboat gateway`. It runs as nobody in particular, over a read-only root; only `dev`
# and embedded mode write, into PACKETBOAT_DATA_DIR.

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force

FROM node:24-slim
ENV NODE_ENV=production PACKETBOAT_DATA_DIR=/data
# glibc gives each thread a heap of its own, and keeps what large bodies leave behind there: twenty
# requests of 50 MiB at once took 576 MiB, and take 480 MiB with two heaps.
ENV MALLOC_ARENA_MAX=2
# A container is reached from outside or not at all. REST, gRPC, and metrics with health.
ENV PACKETBOAT_HTTP_ADDR=0.0.0.0:8080 PACKETBOAT_GRPC_ADDR=0.0.0.0:9090 PACKETBOAT_METRICS_ADDR=0.0.0.0:9100
EXPOSE 8080 9090 9100
RUN install --directory --owner=1000 --group=1000 /data
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY . .
# A number, since Kubernetes cannot tell from a name that it is not root.
USER 1000:1000
VOLUME /data
# Node strips the types itself; nothing is built. It is process 1 and handles SIGTERM.
ENTRYPOINT ["node", "/app/cli/packetboat.ts"]
