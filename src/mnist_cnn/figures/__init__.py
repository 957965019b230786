"""The figures of the report: what is drawn from the tables of a study."""
