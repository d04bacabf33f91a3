"""Where a model runs: delegates, profilers, Android devices, processes of their own."""
