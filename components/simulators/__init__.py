"""What draws the data: priors, catalogues and images."""
