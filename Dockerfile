# Fovea on the CPU:  docker build -t fovea .  &&  docker run -p 127.0.0.1:8000:8000 fovea
#
# pip uses the index its environment gives it. Where that index's torch brings GPU libraries, name
# the one with CPU builds:  docker build --build-arg PIP_EXTRA_INDEX_URL=… -t fovea .
# EXTRAS brings optional parts along:  docker build --build-arg EXTRAS=transformers,heic -t fovea .
FROM python:3.11-slim-bookworm

ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG EXTRAS=

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore

# Dependencies change rarely and are nearly all of the image, so they are a layer of their own.
# What a wheel carries only for compiling against it, or for testing it, stays outside.
COPY requirements.lock /app/
RUN pip install -r /app/requirements.lock \
 && site=$(python -c 'import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))') \
 && rm -rf "$site"/torch/include "$site"/torch/test "$site"/torch/share

COPY pyproject.toml /app/
RUN if [ -n "$EXTRAS" ]; then python -c "import sys, tomllib; \
extras = tomllib.load(open('/app/pyproject.toml', 'rb'))['project']['optional-dependencies']; \
print(*(need for name in sys.argv[1].split(',') for need in extras[name.strip()]), sep='\n')" \
      "$EXTRAS" > /tmp/extras && pip install -c /app/requirements.lock -r /tmp/extras; fi

RUN useradd --uid 10001 --user-group --home-dir /var/lib/fovea --create-home --skel /dev/null fovea \
 && mkdir /var/lib/fovea/cache /var/lib/fovea/weights /var/lib/fovea/models \
 && chown -R fovea:fovea /var/lib/fovea

# Installed in place, so that frontend/ and the checkpoints lie beside the code as they do in the
# repository; the links in fovea/ are copied as links. Bytecode is written now: the container's root may be read-only.
WORKDIR /app
COPY . .
RUN pip install --no-deps --no-build-isolation -e . \
 && python -m compileall -q models server \
 && python -c 'import fovea.server.app'

USER fovea
ENV FOVEA_HOST=0.0.0.0 \
    FOVEA_PORT=8000 \
    XDG_CACHE_HOME=/var/lib/fovea/cache \
    MPLCONFIGDIR=/var/lib/fovea/cache/matplotlib \
    FOVEA_CACHE_DIR=/var/lib/fovea/cache \
    FOVEA_WEIGHTS_DIR=/var/lib/fovea/weights \
    FOVEA_MODELS_DIR=/var/lib/fovea/models \
    MALLOC_ARENA_MAX=2
EXPOSE 8000
VOLUME /var/lib/fovea/cache

# Able, not only alive: a server whose first network cannot be read is not healthy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['FOVEA_PORT'] + '/readyz', timeout=4)"]

CMD ["fovea", "serve"]
