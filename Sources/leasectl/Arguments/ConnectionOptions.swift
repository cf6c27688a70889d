import ArgumentParser
import Glibc

/// Which daemon a command talks to.
struct ConnectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket (default: $LEASED_SOCKET, else /run/leased/leased.sock).",
            valueName: "path"
        ),
        completion: .file(),
        transform: ArgumentValue.path
    )
    var socket: String?

    @Flag(help: "Use your own daemon, at $XDG_RUNTIME_DIR/leased/leased.sock.")
    var user = false

    func validate() throws {
        if socket != nil, user { throw ValidationError("--socket and --user exclude each other; give one of them") }
        let variable = user ? "XDG_RUNTIME_DIR" : "LEASED_SOCKET"
        // Repaired to UTF-8, it would name another daemon's socket.
        guard socket != nil || getenv(variable).map({ String(validatingCString: $0) != nil }) ?? true else {
            throw ValidationError("$\(variable) is not UTF-8, which a path is here; give the path with --socket")
        }
    }
}

/// How a command prints its result.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON, one object per line, with the keys of docs/PROTOCOL.md, leased-protocol(7).")
    var json = false
}
