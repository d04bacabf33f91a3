"""ARM without a phone: the aarch64 runtime under qemu's user mode, and its instructions counted."""
