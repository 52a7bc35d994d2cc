# Two stages: the first has the build tools and is thrown away, the second only Python and the service.
FROM python:3.12-slim AS builder
WORKDIR /src
COPY . .
# The same path in both stages: a virtual environment knows where it lives.
RUN scripts/image_build.sh /opt/academy

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/academy --create-home --shell /usr/sbin/nologin academy
COPY --from=builder /opt/academy /opt/academy
ENV PATH=/opt/academy/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER academy
WORKDIR /var/lib/academy
EXPOSE 8000
# Healthy means: the process answers. Whether the database does is /readyz, for the load balancer.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0", "--port", "8000", "--no-worker"]
