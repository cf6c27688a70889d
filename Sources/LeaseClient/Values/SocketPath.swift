public import LeaseWire

/// Where the daemon's socket is: the one rule of server and client.
public typealias SocketPath = LeaseWire.SocketPath
