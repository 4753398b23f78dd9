"""The worker's side: jobs that the server queues by name. `backend` never imports this package."""
