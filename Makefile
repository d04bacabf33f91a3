# make demo   set up, label the sample photo, write the annotated picture, print its path
# make test   set up everything, run every check; also: make check (after one `make test`)
PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv
BARE := .venv-bare
OLD := .venv-tflite
JAX := .venv-jax
SAMPLE := examples/eileen_collins.png
PIP_QUIET := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

.PHONY: android-check demo test check bare old-boards jax system clean

demo: system $(DEMO)/ready
	$(DEMO)/bin/fer image $(SAMPLE) --out out --overwrite

test: system check bare old-boards jax

check: $(DEV)/ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports
	$(DEV)/bin/python -m pytest

# The wheel alone, in an environment without any extra: what `pip install fer-sdk` gives.
bare: $(DEV)/ready
	rm -rf dist $(BARE)
	$(DEV)/bin/python -m build --wheel --outdir dist .
	$(PYTHON) -m venv $(BARE)
	$(PIP_QUIET) $(BARE)/bin/pip install -q dist/*.whl pytest hypothesis
	$(BARE)/bin/python -c "import importlib.util as u; assert not u.find_spec('tensorflow')"
	$(BARE)/bin/python -m pytest -q tests/sdk

# The runtime for old boards needs NumPy 1, so it has an environment of its own.
old-boards: $(OLD)/ready
	$(OLD)/bin/python -m pytest -q tests/sdk/test_runtimes.py

# Training is backend-neutral: without TensorFlow it resumes as exactly on JAX.
jax: $(JAX)/ready
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/train/test_fit.py -k "any_step or frozen"

# The Android demo, where there is neither an Android SDK nor a phone: android_demo/README.md.
android-check: $(DEV)/ready
	@[ "$$(id -u)" != 0 ] || { which mvn && which aapt2 && which zipalign && which apksigner; } >/dev/null \
	|| { apt-get update -q && apt-get install -qy --no-install-recommends \
	openjdk-17-jdk-headless maven aapt zipalign apksigner; }
	$(DEV)/bin/python android_demo/check/check.py

# OpenCV's wheel links against two libraries that a bare Debian or Ubuntu lacks.
system:
	@[ "$$(uname)" != Linux ] || ldconfig -p | grep -q 'libGL\.so\.1' \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy libgl1 libglib2.0-0; } \
	|| { echo 'OpenCV needs libGL.so.1: sudo apt-get install libgl1 libglib2.0-0' >&2; exit 1; }

$(DEMO)/ready: pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(PIP_QUIET) $(DEMO)/bin/pip install -q -e .
	touch $@

$(DEV)/ready: pyproject.toml
	$(PYTHON) -m venv $(DEV)
	$(PIP_QUIET) $(DEV)/bin/pip install -q --upgrade "pip>=25.1"
	$(PIP_QUIET) $(DEV)/bin/pip install -q -e ".[onnx,train,convert,bench]" --group dev
	touch $@

$(OLD)/ready: pyproject.toml
	$(PYTHON) -m venv $(OLD)
	$(PIP_QUIET) $(OLD)/bin/pip install -q -e ".[tflite-runtime]" pytest hypothesis
	touch $@

$(JAX)/ready: pyproject.toml
	$(PYTHON) -m venv $(JAX)
	$(PIP_QUIET) $(JAX)/bin/pip install -q -e . "keras>=3.15,<3.16" jax pytest
	touch $@

clean:
	rm -rf $(DEMO) $(DEV) $(BARE) $(OLD) $(JAX) dist out android_demo/check/target android_demo/check/*/target
