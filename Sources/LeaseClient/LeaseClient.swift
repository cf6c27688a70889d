// LeaseClient
