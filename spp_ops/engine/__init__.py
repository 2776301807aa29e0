"""What every kind of training run stands on: files, records, seeds, processes, progress."""
