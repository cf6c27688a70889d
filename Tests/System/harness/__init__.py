"""What the system tests are built from: processes, sockets and clocks, and nothing that knows how the daemon works."""
