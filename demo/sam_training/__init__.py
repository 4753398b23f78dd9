"""How the demo's small SAM is trained: pictures, views of them, prompts, losses, and the loop."""
