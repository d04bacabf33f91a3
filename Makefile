# make demo       set up, label the sample photo, write the annotated picture, print its path
# make test       set up, run the checks that every change has to pass; after it: make check
# make test-all   those, and the checks that need further environments (see CONTRIBUTING.md)
# make docs       build the pages into build/site, run every block of code on them
# make web-site   build the web page and the npm package into build/web; make web-check tests them
# make lock       resolve the dependencies again, write requirements/*.txt
PYTHON ?= python3
DEMO := .venv-demo
DEV := .venv
BARE := .venv-bare
NO_OPENCV := .venv-no-opencv
HEADLESS := .venv-headless
OLD := .venv-tflite
JAX := .venv-jax
RAY := .venv-ray
UV := .venv-uv
VULKAN := .cache/vulkan
WEB := android_demo/web
WEB_OUT := build/web
APP_EXPORT := $(WEB_OUT)/export
SAMPLE := examples/eileen_collins.png
ANDROID_SOURCES := $(addprefix android_demo/,README.md app fer-core fer-litert fer-models fer-onnx gradle \
	gradlew build.gradle.kts settings.gradle.kts gradle.properties)
VERSIONS := 3.10 3.11 3.12 3.13 3.14
# Half the time on two cores; most tests use one.
TWO := -n 2 --dist worksteal
# `make test UNIT=coverage`, as continuous integration runs it, also measures coverage.
UNIT ?= unit
PIP_QUIET := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# $(call locked,ENVIRONMENT,LOCK): versions and hashes of requirements/LOCK.txt, the SDK editable.
# uv takes a quarter of pip's time; it leaves modules to be compiled when they are first imported.
locked = $(PYTHON) -m venv $(1) \
	&& $(UV)/bin/uv pip install -q --python $(1) --require-hashes -r requirements/$(2).txt \
	&& $(UV)/bin/uv pip install -q --python $(1) --no-deps --no-build-isolation -e .
# The other environments get what an ordinary `pip install` resolves.
TEST_TOOLS := pytest pytest-xdist hypothesis

.PHONY: demo test test-all check lint unit coverage packages bare no-opencv headless old-boards jax ray pythons \
	gpu docs app-export web-site web-check page chromium ffmpeg mosquitto android-check android-mutants \
	benchmark peers arm system lock release clean

demo: system $(DEMO)/ready
	$(DEMO)/bin/fer image $(SAMPLE) --out out --overwrite

# Each target of the second step uses one core, so two run at a time.
test:
	$(MAKE) -j 2 --output-sync=target packages $(DEV)/ready
	$(MAKE) -j 2 --output-sync=target docs lint bare page
	$(MAKE) $(UNIT)

test-all: test
	$(MAKE) -j 2 --output-sync=target android-mutants web-check gpu old-boards jax ray pythons

check: lint unit

lint: $(DEV)/ready
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	git ls-files -z | xargs -0 $(DEV)/bin/codespell
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

unit: $(DEV)/ready
	$(DEV)/bin/python -m pytest $(TWO)

# The same tests with branch coverage, which must reach the minimum in pyproject.toml.
coverage: $(DEV)/ready
	$(DEV)/bin/coverage erase
	$(DEV)/bin/coverage run -m pytest -q --durations=25 -p tests.worker_coverage $(TWO)
	$(DEV)/bin/coverage combine -q
	$(DEV)/bin/coverage report

# Debian packages and what npm fetches. One by one: apt-get locks its database.
packages:
	@$(MAKE) system
	@$(MAKE) ffmpeg
	@$(MAKE) chromium
	@$(MAKE) mosquitto
	@$(MAKE) $(WEB)/node_modules/.package-lock.json
	@$(MAKE) $(VULKAN)/ready

# The pages: no warning, nothing fetched from elsewhere, every block of code runs.
docs: $(DEV)/ready
	NO_MKDOCS_2_WARNING=1 $(DEV)/bin/mkdocs build
	! grep -rlE '(src|href)="(https?:)?//[^"]*\.(js|css|woff2?|png|svg)"' build/site
	$(DEV)/bin/python -m pytest -q -p tests.docs.blocks README.md docs/tutorials docs/guides

# The wheel alone, without any extra, with the lowest declared version of each dependency.
bare: $(DEV)/ready
	rm -rf dist $(BARE)
	$(DEV)/bin/python -m build --no-isolation --wheel --outdir dist .
	$(PYTHON) -m venv $(BARE)
	$(PIP_QUIET) $(BARE)/bin/pip install -q dist/*.whl -c tests/lowest-requirements.txt $(TEST_TOOLS)
	$(BARE)/bin/python -c "import importlib.util as u; assert not u.find_spec('tensorflow')"
	$(BARE)/bin/python -m pytest -q $(TWO) tests/sdk
	$(MAKE) no-opencv headless

# The wheel of `make bare` where OpenCV is not installed: arrays in, labels out.
no-opencv: $(UV)/ready
	rm -rf $(NO_OPENCV)
	$(PYTHON) -m venv $(NO_OPENCV)
	$(UV)/bin/uv pip install -q --python $(NO_OPENCV) --no-deps dist/*.whl
	$(UV)/bin/uv pip install -q --python $(NO_OPENCV) numpy 'ai-edge-litert>=2.1,<3' click tqdm pillow pytest
	$(NO_OPENCV)/bin/python -m pytest -q --noconftest tests/without_opencv.py

# The wheel of `make bare` installed as examples/edge/Dockerfile installs it; no image is built.
headless: $(UV)/ready
	rm -rf $(HEADLESS)
	$(PYTHON) -m venv $(HEADLESS)
	cp dist/*.whl $(HEADLESS)
	sed -n 's|^RUN pip install --no-cache-dir|$(abspath $(UV))/bin/uv pip install -q --python bin/python|p' \
	examples/edge/Dockerfile > $(HEADLESS)/install
	cd $(HEADLESS) && sh -e install
	$(HEADLESS)/bin/fer image $(SAMPLE)
	cd examples/edge && $(CURDIR)/$(HEADLESS)/bin/python -B -c 'import http_endpoint'

# Every Python that the SDK supports and that is installed; pyenv's are found too.
pythons: $(VERSIONS:%=python-%)

python-%:
	@export PYENV_VERSION=$$(pyenv latest $* 2>/dev/null); set -e; \
	if ! python$* -c '' 2>/dev/null; then echo "Python $* is not installed: skipped"; exit 0; fi; \
	rm -rf .venv-$@; python$* -m venv .venv-$@; \
	$(PIP_QUIET) .venv-$@/bin/pip install -q . $(TEST_TOOLS); \
	echo "Python $*"; .venv-$@/bin/python -m pytest -q $(TWO) tests/sdk

# tflite-runtime needs NumPy 1.
old-boards: $(OLD)/ready
	$(OLD)/bin/python -m pytest -q tests/sdk/test_runtimes.py
	$(OLD)/bin/fer-convert check sdk/fer_sdk/models/small-int8.tflite | grep '^tflite *loads'

# Training without TensorFlow: on JAX it resumes exactly, and two processes train together. The GPU
# programme with tiny networks. Most of the time goes into compiling, so XLA does not optimize.
jax: export KERAS_BACKEND := jax
jax: export XLA_FLAGS := --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true
jax: $(JAX)/ready
	$(JAX)/bin/python -m pytest -q tests/train/test_fit.py -k "any_step or frozen"
	$(JAX)/bin/python -m pytest -q tests/train/test_data_parallel.py
	$(JAX)/bin/python -m pytest -q tests/train/test_gpu_programme.py tests/train/test_online_teachers.py

# The models as apps load them: half a minute, once for the web page and the Android check.
app-export: $(DEV)/ready
	$(DEV)/bin/fer-convert --android $(APP_EXPORT) --overwrite

# The npm package of the JavaScript library, and the page that uses it. npm fetches LiteRT.js and the
# tools of the tests, pinned by hash in package-lock.json.
web-site: $(WEB)/node_modules/.package-lock.json app-export
	node $(WEB)/build.mjs package $(APP_EXPORT) $(WEB_OUT)
	node $(WEB)/build.mjs site $(WEB_OUT)/fer-sdk-web-*.tgz $(WEB_OUT)/site
	@echo 'serve it: $(DEV)/bin/python -m http.server --bind 127.0.0.1 --directory $(WEB_OUT)/site'

# FER_WEB_SECONDS=60 lets the camera run for a minute; FER_WEB_SCREENSHOTS=DIR keeps pictures.
web-check: chromium web-site
	$(DEV)/bin/python -m pytest -q -m browser --log-cli-level=INFO tests/web

chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q \
	&& apt-get install -qy --no-install-recommends chromium; } \
	|| { echo 'the browser tests need Chromium: sudo apt-get install chromium' >&2; exit 1; }

# Makes the videos of some tests, and copies the sound into annotated videos.
ffmpeg:
	@command -v ffmpeg >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -q \
	&& apt-get install -qy --no-install-recommends ffmpeg; } \
	|| { echo 'tests of video containers need ffmpeg: sudo apt-get install ffmpeg' >&2; exit 1; }

# For the tests of examples/edge: an MQTT broker, and systemd-analyze, which verifies units.
mosquitto:
	@{ PATH="$$PATH:/usr/sbin"; command -v mosquitto && command -v systemd-analyze; } >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -q \
	&& apt-get install -qy --no-install-recommends mosquitto systemd; } \
	|| { echo 'tests of examples need: sudo apt-get install mosquitto systemd' >&2; exit 1; }

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@command -v npm >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy --no-install-recommends npm; } \
	|| { echo 'LiteRT.js is fetched by npm: sudo apt-get install npm' >&2; exit 1; }
	cd $(WEB) && npm ci
	touch $@

# The GPU delegate on SwiftShader, the software Vulkan driver in Debian's chromium-common.
gpu: $(DEV)/ready $(VULKAN)/ready
	FER_GPU=required XDG_RUNTIME_DIR=$(abspath $(VULKAN)) LD_LIBRARY_PATH=$(abspath $(VULKAN)/lib) \
	VK_ICD_FILENAMES=$(abspath $(VULKAN)/usr/lib/chromium/vk_swiftshader_icd.json) \
	$(DEV)/bin/python -m pytest -q tests/benchmarks/test_gpu.py

# The benchmark's HTML report in headless Chromium.
page: $(DEV)/ready chromium
	$(DEV)/bin/python -m pytest -q -m browser tests/benchmarks

# docs/results: the benchmark of what is shipped, with the peers' numbers that are there.
benchmark: $(DEV)/ready
	$(DEV)/bin/fer-bench --photo $(SAMPLE) --report docs/results --html out/benchmark.html \
	$(if $(wildcard docs/results/peers.json),--peers docs/results/peers.json)

# docs/results: other packages beside ours, 9 GB of environments in .cache.
peers: $(DEV)/ready
	$(DEV)/bin/python -m peers.build
	$(DEV)/bin/python -m peers.measure

# docs/results: instructions on two emulated ARM cores, 200 MB in .cache.
arm: $(DEV)/ready
	$(DEV)/bin/python -m research.arm.setup
	$(DEV)/bin/python -m research.arm.instructions --json docs/results/arm.json > docs/results/arm.txt

# Ray and its dependencies are 500 MB.
ray: $(RAY)/ready
	$(RAY)/bin/python -m pytest -q tests/ray

# The Android demo, where there is neither an Android SDK nor a phone: android_demo/README.md.
android-check: $(DEV)/ready app-export
	@[ "$$(id -u)" != 0 ] || { which mvn aapt2 zipalign apksigner curl unzip; } >/dev/null \
	|| { apt-get update -q && apt-get install -qy --no-install-recommends \
	openjdk-17-jdk-headless maven aapt zipalign apksigner curl unzip; }
	$(DEV)/bin/python android_demo/check/check.py $(APP_EXPORT)

# Whether the tests of the demo detect faults put into its code.
android-mutants: android-check
	$(DEV)/bin/python android_demo/check/check.py --mutants

# OpenCV's wheel links against two libraries that a minimal Debian or Ubuntu lacks.
system:
	@[ "$$(uname)" != Linux ] || ldconfig -p | grep -q 'libGL\.so\.1' \
	|| { [ "$$(id -u)" = 0 ] && apt-get update -q && apt-get install -qy libgl1 libglib2.0-0; } \
	|| { echo 'OpenCV needs libGL.so.1: sudo apt-get install libgl1 libglib2.0-0' >&2; exit 1; }

$(DEMO)/ready: pyproject.toml requirements/demo.txt $(UV)/ready
	$(call locked,$(DEMO),demo)
	touch $@

$(DEV)/ready: pyproject.toml requirements/dev.txt $(UV)/ready
	$(call locked,$(DEV),dev)
	touch $@

$(OLD)/ready: pyproject.toml requirements/tflite-runtime.txt $(UV)/ready
	$(call locked,$(OLD),tflite-runtime)
	touch $@

$(JAX)/ready: pyproject.toml requirements/jax.txt $(UV)/ready
	$(call locked,$(JAX),jax)
	touch $@

$(RAY)/ready: pyproject.toml requirements/ray.txt $(UV)/ready
	$(call locked,$(RAY),ray)
	touch $@

# Resolved for every platform; the tools run on Python 3.11 and newer. No line names an index.
RESOLVE = $(UV)/bin/uv pip compile -q --universal --upgrade --generate-hashes --no-annotate \
	--no-emit-index-url --custom-compile-command 'make lock' -c requirements/constraints.txt \
	pyproject.toml
lock: $(UV)/ready
	$(RESOLVE) --python-version 3.10 --group build -o requirements/demo.txt
	$(RESOLVE) --python-version 3.11 --group dev --extra onnx --extra train --extra qat \
	--extra convert --extra bench --extra plot --extra parquet -o requirements/dev.txt
	$(RESOLVE) --python-version 3.11 --group build --group test --group jax -o requirements/jax.txt
	$(RESOLVE) --python-version 3.10 --group build --group test --extra ray -o requirements/ray.txt
	$(RESOLVE) --python-version 3.10 --group build --group test --extra tflite-runtime \
	-o requirements/tflite-runtime.txt

$(UV)/ready:
	$(PYTHON) -m venv $(UV)
	$(PIP_QUIET) $(UV)/bin/pip install -q uv==0.13.9
	touch $@

$(VULKAN)/ready:
	rm -rf $(VULKAN) && mkdir -p $(VULKAN)/lib
	cd $(VULKAN) && { apt-get download -q chromium-common \
	|| { apt-get update -q && apt-get download -q chromium-common; } } \
	|| { echo 'make gpu needs the Debian package chromium-common, which apt-get cannot get' >&2; exit 1; }
	cd $(VULKAN) && dpkg -x chromium-common_*.deb . && rm chromium-common_*.deb
	ln -s ../usr/lib/chromium/libvulkan.so.1 $(VULKAN)/lib/
	touch $@

# What a tagged release carries: wheel, sdist, sources of the Android library, npm package.
release: $(DEV)/ready web-site
	rm -rf dist
	$(DEV)/bin/python -m build --no-isolation --outdir dist .
	cp $(WEB_OUT)/fer-sdk-web-*.tgz dist
	set -e; version=$$(basename dist/*.tar.gz .tar.gz); version=$${version#fer_sdk-}; \
	git archive --prefix="fer-android-$$version/" -o "dist/fer-android-$$version-sources.zip" HEAD \
	LICENSE THIRD_PARTY_NOTICES.md sdk/fer_sdk/models $(ANDROID_SOURCES)
	ls -l dist

clean:
	rm -rf $(DEMO) $(DEV) $(BARE) $(NO_OPENCV) $(HEADLESS) $(OLD) $(JAX) $(RAY) $(UV) .venv-python-* dist out build
	rm -rf $(WEB)/node_modules
	rm -rf android_demo/check/target android_demo/check/*/target
