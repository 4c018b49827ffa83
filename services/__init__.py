"""What answers requests: a BentoML service that knows models/ and nothing of the pipeline."""
