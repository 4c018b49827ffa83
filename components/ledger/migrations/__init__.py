"""How the ledger's tables came to be what they are: each change a revision in `versions/`, run by Alembic."""
