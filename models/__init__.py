"""Networks: adapters for those of others, and the embedded ones with their weights and recipes."""
