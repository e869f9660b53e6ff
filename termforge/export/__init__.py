"""The corpus as others load it: Parquet with the released columns, outcomes beside them, and a card."""
