"""The parts that the system tests are built from: processes, sockets and clocks. None knows how the daemon works."""
