# `audio-emotion serve` in a container, on a CPU, by a user that owns nothing but the models: docs/containers.md.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
# Further extras, as in --build-arg EXTRAS="web ray"
ARG EXTRAS=web
WORKDIR /source
COPY . .
# hadolint ignore=SC2086
RUN python scripts/image-environment /opt/audio-emotion ${EXTRAS}

FROM python:${PYTHON}
RUN useradd --uid 10001 --create-home listener \
    && mkdir /models \
    && chown listener /models
COPY --from=build /opt/audio-emotion /opt/audio-emotion
COPY scripts/image-health /opt/audio-emotion/bin/image-health
ENV PATH=/opt/audio-emotion/bin:$PATH \
    AUDIO_EMOTION_HOME=/models \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/listener
VOLUME /models
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python", "/opt/audio-emotion/bin/image-health"]
ENTRYPOINT ["audio-emotion", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--token-file", "/run/secrets/token"]
