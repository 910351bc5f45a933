"""Where the work runs: device, worker processes, batches, and several processes as one."""
