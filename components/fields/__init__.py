"""The contract between the science and everything else."""
