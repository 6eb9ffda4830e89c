# `make demo` and `make test` work wherever pip works: they need Python 3.11 or later, make and a package index.
.PHONY: demo test test-all coverage test-lowest check docs image lock reproduce clean

demo: .demo/ready
	.demo/bin/python -m audio_emotion infer inference/samples/happy.wav

# Only what `infer` needs on a CPU, at the versions of the lock file.
.demo/ready: inference/requirements.txt scripts/find-python
	rm -rf .demo
	python=$$(scripts/find-python) && "$$python" -m venv .demo
	.demo/bin/python -m pip install --quiet --disable-pip-version-check -r inference/requirements.txt
	touch $@

test: .venv/ready
	scripts/poetry run pytest $(PYTEST)

.venv/ready: poetry.lock pyproject.toml
	scripts/poetry install --no-interaction --quiet
	touch $@

# The suite under each of Python 3.11, 3.12, 3.13 and 3.14 that is here; those that are missing are named.
test-all:
	scripts/test-all

# Which lines and branches no quick test runs: CONTRIBUTING says what they are and why.
coverage: .venv/ready
	scripts/poetry run pytest --cov --cov-report=term-missing:skip-covered

# The oldest dependencies that pyproject.toml allows, on what the package is for.
test-lowest:
	scripts/test-lowest

# The documentation as a site, in build/site; nothing is fetched. A warning is an error (with --quiet it would be none).
docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 scripts/poetry run mkdocs build --strict

# What CI runs beside the tests.
check: .venv/ready
	scripts/poetry run ruff check .
	scripts/poetry run ruff format --check .
	scripts/poetry run mypy

# The container image, where an engine is found: docs/containers.md.
image: .venv/ready
	scripts/image

# After a change of dependencies: the lock, and the two requirement files that are exported from it.
lock:
	scripts/poetry lock
	scripts/poetry export --without-hashes --output requirements.txt
	scripts/poetry export --without-hashes --only infer --output inference/requirements.txt

# The bundled models, their folds and every figure of their card, from the recordings in AUDIO_EMOTION_DATA: training/README.md.
reproduce: .venv/ready
	scripts/reproduce $(JOBS)

clean:
	rm -rf .demo .poetry .venv .venvs dist build .mypy_cache .ruff_cache .pytest_cache
