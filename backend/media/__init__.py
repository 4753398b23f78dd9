"""From the address in a task's data to an upright image in memory, without reaching where it must not."""
