"""Training itself: ultralytics with checkpoints that outlive any process."""
