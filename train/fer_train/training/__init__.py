"""The training loop, its checkpoints, distillation and publication of networks."""
