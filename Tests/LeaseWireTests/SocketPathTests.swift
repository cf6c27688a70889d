import LeaseWire
import Testing

@Suite struct SocketPathTests {
    @Test func aFlagComesBeforeTheEnvironmentAndThatBeforeTheDefault() {
        let environment = ["LEASED_SOCKET": "/env.sock", "XDG_RUNTIME_DIR": "/run/user/7"]
        #expect(SocketPath.resolve(socket: "/a.sock", user: true, environment: environment) == "/a.sock")
        #expect(
            SocketPath.resolve(socket: nil, user: true, environment: environment) == "/run/user/7/leased/leased.sock"
        )
        #expect(SocketPath.resolve(socket: nil, user: false, environment: environment) == "/env.sock")
        #expect(SocketPath.resolve(socket: nil, user: false, environment: [:]) == "/run/leased/leased.sock")
    }

    @Test func anEmptyVariableCountsAsNone() {
        #expect(
            SocketPath.resolve(socket: nil, user: false, environment: ["LEASED_SOCKET": ""]) == SocketPath.system
        )
    }

    @Test func withoutItsVariableTheUsersSocketIsWhereSystemdPutsIt() {
        let path = SocketPath.resolve(socket: nil, user: true, environment: [:])
        #expect(path.hasPrefix("/run/user/") && path.hasSuffix("/leased/leased.sock"))
    }
}
