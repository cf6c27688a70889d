// LeaseWire
