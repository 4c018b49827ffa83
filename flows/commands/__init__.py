"""The commands of `assay`, by what they are about. Heavy imports happen inside them: `--help` must be quick."""
