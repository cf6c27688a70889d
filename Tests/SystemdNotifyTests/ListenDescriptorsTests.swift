import Glibc
import Testing

@Suite struct ListenDescriptorsTests {
    private static let variables = ["LISTEN_PID": "$$", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "leased"]

    @Test func passedSocketIsTakenOnceAndItsVariablesAreGone() throws {
        let socket = try ListeningSocket()
        let output = try ProbeProcess.output(
            ["listen"],
            environment: Self.variables,
            descriptors: [socket.descriptor]
        )
        #expect(output == ["leased 3 close-on-exec listening", "left []", "again 0"])
    }

    @Test func descriptorsKeepTheirOrderAndNames() throws {
        let socket = try ListeningSocket()
        let output = try ProbeProcess.output(
            ["listen"],
            environment: ["LISTEN_PID": "$$", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "b:a"],
            descriptors: [socket.descriptor, socket.descriptor]
        )
        #expect(output.prefix(2) == ["b 3 close-on-exec listening", "a 4 close-on-exec listening"])
    }

    @Test func descriptorsOfAnotherProcessAreLeftAlone() throws {
        let socket = try ListeningSocket()
        let output = try ProbeProcess.output(
            ["listen"],
            environment: ["LISTEN_PID": "1", "LISTEN_FDS": "1"],
            descriptors: [socket.descriptor]
        )
        #expect(output == ["left []", "again 0"])
    }

    @Test func withoutActivationThereAreNone() throws {
        #expect(try ProbeProcess.output(["listen"]) == ["left []", "again 0"])
    }

    @Test func countThatIsNoNumberIsAnError() throws {
        let output = try ProbeProcess.output(["listen"], environment: ["LISTEN_PID": "$$", "LISTEN_FDS": "many"])
        #expect(output.first?.hasPrefix("error badEnvironment the service manager's LISTEN_FDS") == true)
    }

    @Test func whatIsNoListeningUnixStreamSocketIsNamed() throws {
        let silent = try ListeningSocket(isListening: false)
        let datagram = try DatagramPair()
        let network = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer {
            close(network)
            close(file)
        }
        for (descriptor, problem) in [
            (file, "is not a socket; the socket unit needs a line ListenStream=/PATH"),
            (network, "is not a Unix socket; ListenStream= in the socket unit must be a path"),
            (datagram.reader, "is not a stream socket; use ListenStream= in the socket unit"),
            (silent.descriptor, "does not listen; the socket unit must not say Accept=yes"),
        ] {
            let output = try ProbeProcess.output(
                ["listen"],
                environment: Self.variables,
                descriptors: [descriptor]
            )
            #expect(output.first == "leased 3 close-on-exec passed descriptor 3 ('leased') \(problem)")
        }
    }
}

/// A stream socket in a temporary folder, as a socket unit makes it.
///
/// It is removed with its owner.
final class ListeningSocket {
    let descriptor: Int32
    private let folder: String

    init(isListening: Bool = true) throws {
        var template = Array("/tmp/leased-listen-XXXXXX".utf8CString)
        folder = try #require(
            template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
        )
        descriptor = try UnixSocket.bound(to: folder + "/s", type: SOCK_STREAM)
        if isListening { try #require(listen(descriptor, 1) == 0) }
    }

    deinit {
        close(descriptor)
        unlink(folder + "/s")
        rmdir(folder)
    }
}
