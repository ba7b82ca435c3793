"""Arms x seeds x tasks from one file -> one table: how every claim in the documentation is measured."""
