// LeaseStore
