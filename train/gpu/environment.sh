# On the GPU machine, from the repository's root: `. train/gpu/environment.sh && python3 -m gpu ...`
# Installs the carried wheels beside the checkout, once, and states the version that the checkout
# has; a wheel of the checkout itself would take room from the data.
SITE=/tmp/gpu/site
mkdir -p "$SITE"
for folder in .whl .whl-benchmark; do
    if [ -d "$folder" ] && [ ! -e "$SITE/$folder" ]; then
        python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade \
            --target "$SITE" "$folder"/*.whl && touch "$SITE/$folder" || return 1
    fi
done
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
mkdir -p "$SITE/fer_sdk-$VERSION.dist-info"
printf 'Metadata-Version: 2.1\nName: fer-sdk\nVersion: %s\n' "$VERSION" \
    > "$SITE/fer_sdk-$VERSION.dist-info/METADATA"
export PYTHONPATH="$PWD/train:$PWD/sdk:$PWD/benchmarks:$SITE"
export KERAS_BACKEND=jax PYTHONUNBUFFERED=1
PLACES="--data /tmp/gpu/data --runs /tmp/gpu/runs --out ${OUT:-/tmp/gpu/out}"
