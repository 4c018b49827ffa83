"""The figures that Assay's documents quote, one module each; `make bench` runs them all."""
