"""What can be trained: one module a task, and how a run's task is found."""
