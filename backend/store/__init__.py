"""What is remembered: tables, and the functions that read and write them. No SQL stands elsewhere."""
