#!/bin/sh
# Install an APK on the emulator that runs, start both screens, and run a benchmark of two seconds.
# Usage: smoke_test.sh APK. Fails if the app crashes or writes no result.
set -eu
app=org.fersdk.demo
result=/sdcard/Android/data/$app/files/benchmark.json

adb install -r -g "$1"
adb logcat -c
adb shell am start -W -S -n "$app/.MainActivity"
sleep 10
adb shell pidof "$app" || { adb logcat -d -s AndroidRuntime:E; echo "$app is not running" >&2; exit 1; }
adb shell am start -W -S -n "$app/.BenchmarkActivity" --es models all --ei runs 20
for _ in $(seq 60); do
    adb shell ls "$result" 2>/dev/null && break
    sleep 2
done
adb pull "$result" benchmark.json
python3 - <<'CHECK'
import json
import sys

models = json.load(open("benchmark.json"))["models"]
failed = [m for m in models if "error" in m]
print(*(f"{m['model']} {m['place']}: {m.get('p50_ms')} ms" for m in models), sep="\n")
sys.exit(f"failed: {failed}" if failed or not models else 0)
CHECK
if adb logcat -d -s AndroidRuntime:E | grep -q 'FATAL EXCEPTION'; then
    adb logcat -d -s AndroidRuntime:E
    exit 1
fi
