"""What may be concluded from the labels of a project, and from whose: estimates, teachers, groups, drift, cost."""
