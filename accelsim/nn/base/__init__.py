"""What every room of `accelsim.nn` uses: devices, seeds, modules that draw, tensors on disk."""
