# make demo   set up, label the sample photo, write the annotated picture, print its path
# make test   set up everything, run every check; also: make check (after one `make test`)
# make docs   build the pages into build/site, run every block of code on them
# make web    fetch and export what the page in android_demo/web needs; make web-check tests it
PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv
BARE := .venv-bare
OLD := .venv-tflite
VULKAN := .cache/vulkan
JAX := .venv-jax
RAY := .venv-ray
WEB := android_demo/web
SAMPLE := examples/eileen_collins.png
# Half the time on two cores; most tests keep but one busy.
TWO := -n 2 --dist worksteal
PIP_QUIET := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

.PHONY: demo test check bare old-boards jax ray gpu docs web web-check page chromium android-check benchmark peers arm system clean

demo: system $(DEMO)/ready
	$(DEMO)/bin/fer image $(SAMPLE) --out out --overwrite

# Debian packages first, one by one. What follows `check` keeps one core busy at a time.
test: system chromium $(WEB)/vendor/ready $(VULKAN)/ready $(DEV)/docs-ready check
	$(MAKE) -j 2 --output-sync=target bare old-boards jax ray gpu docs web-check page

check: $(DEV)/ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports
	$(DEV)/bin/python -m pytest $(TWO)

# The pages: no warning, nothing fetched from elsewhere, every block of code runs.
docs: $(DEV)/docs-ready
	NO_MKDOCS_2_WARNING=1 $(DEV)/bin/mkdocs build
	! grep -rlE '(src|href)="(https?:)?//[^"]*\.(js|css|woff2?|png|svg)"' build/site
	$(DEV)/bin/python -m pytest -q -p tests.docs.blocks README.md docs/tutorials docs/guides

# The wheel alone, in an environment without any extra: what `pip install fer-sdk` gives.
bare: $(DEV)/ready
	rm -rf dist $(BARE)
	$(DEV)/bin/python -m build --wheel --outdir dist .
	$(PYTHON) -m venv $(BARE)
	$(PIP_QUIET) $(BARE)/bin/pip install -q dist/*.whl pytest pytest-xdist hypothesis
	$(BARE)/bin/python -c "import importlib.util as u; assert not u.find_spec('tensorflow')"
	$(BARE)/bin/python -m pytest -q $(TWO) tests/sdk

# The runtime for old boards needs NumPy 1, so it has an environment of its own.
old-boards: $(OLD)/ready
	$(OLD)/bin/python -m pytest -q tests/sdk/test_runtimes.py
	$(OLD)/bin/fer-convert check sdk/fer_sdk/models/small-int8.tflite | grep '^tflite *loads'

# Training is backend-neutral: without TensorFlow it resumes as exactly on JAX, and there two
# processes train together.
jax: $(JAX)/ready
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/train/test_fit.py -k "any_step or frozen"
	KERAS_BACKEND=jax $(JAX)/bin/python -m pytest -q tests/train/test_parallel.py

# LiteRT.js, pinned by hash in package-lock.json, and the models: the page loads them from here.
web: $(WEB)/vendor/ready $(DEV)/ready
	$(DEV)/bin/fer-convert --android $(WEB)/export --overwrite
	@echo 'serve it: $(DEV)/bin/python -m http.server --bind 127.0.0.1 --directory $(WEB)'

# FER_WEB_SECONDS=60 lets the camera run for a minute; FER_WEB_SCREENSHOTS=DIR keeps pictures.
web-check: chromium web
	$(DEV)/bin/python -m pytest -q -m browser --log-cli-level=INFO tests/web

chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q \
	&& apt-get install -qy --no-install-recommends chromium; } \
	|| { echo 'the browser tests need Chromium: sudo apt-get install chromium' >&2; exit 1; }

$(WEB)/vendor/ready: $(WEB)/package-lock.json
	@command -v npm >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy --no-install-recommends npm; } \
	|| { echo 'LiteRT.js is fetched by npm: sudo apt-get install npm' >&2; exit 1; }
	cd $(WEB) && npm ci
	rm -rf $(@D) && mkdir -p $(@D)/wasm
	cp $(WEB)/node_modules/@litertjs/core/dist/index.js $(@D)/litert.js
	cp $(WEB)/node_modules/@litertjs/wasm-utils/dist/index.js $(@D)/wasm-utils.js
	cd $(WEB)/node_modules/@litertjs/core/wasm \
	&& cp litert_wasm_internal.* litert_wasm_compat_internal.* $(CURDIR)/$(@D)/wasm/
	touch $@

# The GPU delegate on SwiftShader, the software Vulkan driver in Debian's chromium-common.
gpu: $(DEV)/ready $(VULKAN)/ready
	FER_GPU=required XDG_RUNTIME_DIR=$(abspath $(VULKAN)) LD_LIBRARY_PATH=$(abspath $(VULKAN)/lib) \
	VK_ICD_FILENAMES=$(abspath $(VULKAN)/usr/lib/chromium/vk_swiftshader_icd.json) \
	$(DEV)/bin/python -m pytest -q tests/benchmarks/test_gpu.py

# The benchmark's page in headless Chromium.
page: $(DEV)/ready chromium
	$(DEV)/bin/python -m pytest -q -m browser tests/benchmarks

# docs/results: the benchmark of what is shipped, with the peers' numbers that are there.
benchmark: $(DEV)/ready
	$(DEV)/bin/fer-bench --photo $(SAMPLE) --report docs/results \
	$(if $(wildcard docs/results/peers.json),--peers docs/results/peers.json)

# docs/results: other packages beside ours, 9 GB of environments in .cache.
peers: $(DEV)/ready
	$(DEV)/bin/python -m peers.build
	$(DEV)/bin/python -m peers.measure

# docs/results: instructions on two emulated ARM cores, 200 MB in .cache.
arm: $(DEV)/ready
	$(DEV)/bin/python -m research.arm.setup
	$(DEV)/bin/fer-bench --arm cortex-a76 --arm cortex-a53 --json docs/results/arm.json \
	> docs/results/arm.txt

# Ray and what it needs are 500 MB: an environment of its own; two minutes in all.
ray: $(RAY)/ready
	$(RAY)/bin/python -m pytest -q tests/ray

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
	$(PIP_QUIET) $(DEV)/bin/pip install -q -e ".[onnx,train,convert,bench,plot,parquet]" --group dev
	touch $@

$(VULKAN)/ready:
	rm -rf $(VULKAN) && mkdir -p $(VULKAN)/lib
	cd $(VULKAN) && { apt-get download -q chromium-common \
	|| { apt-get update -q && apt-get download -q chromium-common; } } \
	|| { echo 'make gpu needs the Debian package chromium-common, which apt-get cannot get' >&2; exit 1; }
	cd $(VULKAN) && dpkg -x chromium-common_*.deb . && rm chromium-common_*.deb
	ln -s ../usr/lib/chromium/libvulkan.so.1 $(VULKAN)/lib/
	touch $@

$(DEV)/docs-ready: $(DEV)/ready
	$(PIP_QUIET) $(DEV)/bin/pip install -q --group docs
	touch $@

$(OLD)/ready: pyproject.toml
	$(PYTHON) -m venv $(OLD)
	$(PIP_QUIET) $(OLD)/bin/pip install -q -e ".[tflite-runtime]" pytest hypothesis
	touch $@

$(JAX)/ready: pyproject.toml
	$(PYTHON) -m venv $(JAX)
	$(PIP_QUIET) $(JAX)/bin/pip install -q -e . "keras>=3.15,<3.16" jax matplotlib pytest
	touch $@

$(RAY)/ready: pyproject.toml
	$(PYTHON) -m venv $(RAY)
	$(PIP_QUIET) $(RAY)/bin/pip install -q -e ".[ray]" pytest hypothesis
	touch $@

clean:
	rm -rf $(DEMO) $(DEV) $(BARE) $(OLD) $(JAX) $(RAY) dist out
	rm -rf $(WEB)/node_modules $(WEB)/vendor $(WEB)/export
	rm -rf android_demo/check/target android_demo/check/*/target
