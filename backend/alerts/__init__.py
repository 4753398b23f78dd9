"""What people are told of without asking: what is wrong, once, and when it is over."""
