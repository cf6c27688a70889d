import Glibc
import Testing

@testable import SystemdNotify

@Suite struct DescriptorStoreTests {
    @Test(arguments: [
        ("store", "FDSTORE=1\nFDNAME=tie-17"),
        ("store-unpolled", "FDSTORE=1\nFDNAME=tie-17\nFDPOLL=0"),
    ])
    func managerGetsTheVeryDescriptorUnderItsName(verb: String, message: String) throws {
        let manager = try NotifySocket()
        let connection = try StreamPair()
        let environment = ["NOTIFY_SOCKET": manager.path]
        let output = try ProbeProcess.output(
            [verb, "tie-17"],
            environment: environment,
            descriptors: [connection.near]
        )
        #expect(output == ["true"])
        let received = manager.received()
        defer { received.flatMap(\.descriptors).forEach { close($0) } }
        #expect(received.map(\.text) == [message])
        let stored = try #require(received.first?.descriptors)
        #expect(stored.count == 1)
        // Data written to the stored copy arrives at the connection's other end, so it is the same connection.
        #expect(write(try #require(stored.first), "x", 1) == 1)
        #expect(connection.readFar() == "x")
    }

    @Test func removingGoesByTheName() throws {
        let manager = try NotifySocket()
        let environment = ["NOTIFY_SOCKET": manager.path]
        #expect(try ProbeProcess.output(["remove-stored", "tie-17"], environment: environment) == ["true"])
        let received = manager.received()
        #expect(received.map(\.text) == ["FDSTOREREMOVE=1\nFDNAME=tie-17"])
        #expect(received.allSatisfy { $0.descriptors.isEmpty })
    }

    @Test func withoutManagerNothingIsStored() throws {
        let connection = try StreamPair()
        #expect(try ProbeProcess.output(["store", "tie-17"], descriptors: [connection.near]) == ["false"])
        #expect(try ProbeProcess.output(["remove-stored", "tie-17"]) == ["false"])
    }

    @Test func descriptorThatIsNotOpenIsAnError() throws {
        let manager = try NotifySocket()
        let output = try ProbeProcess.output(["store-closed", "tie-17"], environment: ["NOTIFY_SOCKET": manager.path])
        #expect(
            output == ["error notDelivered 'FDSTORE=1' could not be sent to the service manager: Bad file descriptor"]
        )
        #expect(manager.messages().isEmpty)
    }

    @Test(arguments: ["a", "tie-18446744073709551615", "with blank ~", String(repeating: "n", count: 255)])
    func nameWithinTheManagersRulesIsTaken(text: String) throws {
        #expect(try DescriptorName(text).description == text)
    }

    @Test(arguments: ["a:b", "a\nFDSTORE=1", "tab\t", "del\u{7F}", "é", "\0"])
    func nameThatWouldMeanSomethingElseIsRefused(text: String) {
        let error = #expect(throws: SystemdError.self) { try DescriptorName(text) }
        #expect(error?.code == .badName)
        #expect(error?.message.hasPrefix("a stored descriptor's name is printable ASCII without ':'") == true)
    }

    @Test(arguments: [0, 256])
    func nameOfTheWrongLengthIsRefused(length: Int) {
        let error = #expect(throws: SystemdError.self) { try DescriptorName(String(repeating: "n", count: length)) }
        #expect(error?.code == .badName)
        #expect(
            error?.message == "a stored descriptor's name has 1 to 255 bytes, and this one has \(length)"
        )
    }
}

@Suite struct PassedDescriptorsTests {
    @Test func listenersAndStoredConnectionsAreToldApart() throws {
        let socket = try ListeningSocket()
        let first = try StreamPair()
        let second = try StreamPair()
        #expect(
            try divided(
                "leased.socket:tie-17:tie",
                [socket.descriptor, first.near, second.near]
            ) == [#"listeners ["leased.socket=3"]"#, #"stored ["tie-17=4", "tie=5"]"#]
        )
    }

    @Test func storedConnectionMayStandBeforeTheListener() throws {
        let socket = try ListeningSocket()
        let connection = try StreamPair()
        #expect(
            try divided("tie-17:leased", [connection.near, socket.descriptor])
                == [#"listeners ["leased=4"]"#, #"stored ["tie-17=3"]"#]
        )
    }

    @Test func connectionWhoseOtherEndIsGoneIsStillAStoredOne() throws {
        let connection = try StreamPair()
        connection.closeFar()
        #expect(try divided("tie-17", [connection.near]) == ["listeners []", #"stored ["tie-17=3"]"#])
    }

    @Test func nameAloneMakesNoStoredConnection() throws {
        let socket = try ListeningSocket()
        let datagram = try DatagramPair()
        #expect(
            try divided("tie:tie-17", [socket.descriptor, datagram.reader])
                == [#"listeners ["tie=3", "tie-17=4"]"#, "stored []"]
        )
    }

    @Test func connectionUnderAnotherNameIsNoStoredOne() throws {
        let connection = try StreamPair()
        #expect(
            try divided("tiebreak:stored", [connection.near, connection.near])
                == [#"listeners ["tiebreak=3", "stored=4"]"#, "stored []"]
        )
    }

    private func divided(_ names: String, _ descriptors: [Int32]) throws -> [String] {
        try ProbeProcess.output(
            ["divide"],
            environment: ["LISTEN_PID": "$$", "LISTEN_FDS": "\(descriptors.count)", "LISTEN_FDNAMES": names],
            descriptors: descriptors
        )
    }
}

/// A Unix stream connection, both ends here.
final class StreamPair {
    let near: Int32
    private var far: Int32

    init() throws {
        var pair: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &pair) == 0)
        near = pair[0]
        far = pair[1]
    }

    deinit {
        close(near)
        closeFar()
    }

    func closeFar() {
        if far >= 0 { close(far) }
        far = -1
    }

    /// The bytes that are ready at the far end.
    func readFar() -> String {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = recv(far, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
    }
}
