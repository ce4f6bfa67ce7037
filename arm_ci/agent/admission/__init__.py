"""When an edge may start: the policy, what it expects of an edge, and the controller that applies it."""
