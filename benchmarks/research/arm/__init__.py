"""ARM measurements without a phone: LiteRT for aarch64 under qemu's user-mode emulation."""
