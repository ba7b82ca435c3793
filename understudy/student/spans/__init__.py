"""Students of spans: words tagged by a fine-tuned encoder or by logistic regression, decoded by legal tags only."""
