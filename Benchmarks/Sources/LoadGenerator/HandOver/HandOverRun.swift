import Glibc
import Histogram

/// One lease that is passed round: each client waits for it, gets it, releases it and waits again.
///
/// A release and the next wait leave in one write, so everybody but the holder is always in line, and each grant is a
/// hand-over. It is timed from before the release is sent until the next holder's grant has been read, by one thread
/// and one clock.
package struct HandOverRun {
    private let path: String
    private let waiters: Int
    private let processes: ProcessTree?

    private let name = "hand-over:\(getpid())"
    /// Within this time after the end, in nanoseconds, everybody has had the lease.
    private let patience: UInt64 = 60_000_000_000

    /// - Parameter waiters: Clients in line while one holds the lease; 1 or more.
    package init(path: String, waiters: Int, processes: ProcessTree?) {
        precondition(waiters > 0)
        self.path = path
        self.waiters = waiters
        self.processes = processes
    }

    /// - Parameters: Nanoseconds that are not counted, and nanoseconds that are.
    package func run(warmUp: UInt64, measured: UInt64) throws -> HandOverFigures {
        let clients = try (0...waiters).map { _ in try Client(path: path) }
        defer {
            for client in clients { client.socket.close() }
        }
        var poller = try Poller(descriptors: clients.map(\.socket.descriptor))
        let wait = RESPCommand.bytes(["ACQUIRE", name, "30s", "WAIT", "60s"])
        for client in clients {
            client.output.append(wait)
            try client.socket.write(client.output)
        }

        var recorder = Recorder(operations: [])
        let began = MonotonicClock.now
        let window = (begins: began + warmUp, ends: began + warmUp + measured)
        var stage = Stage.warmingUp
        var releasedAt: UInt64?
        // Replies that are still to come when nobody waits any more: the grant and the release of each client.
        var awaited = 2 * clients.count
        while awaited > 0 {
            try poller.wait(milliseconds: 100) { index in
                let client = clients[index]
                try client.reader.fill(from: client.socket)
                let now = MonotonicClock.now
                while let reply = try client.reader.next() {
                    awaited -= 1
                    switch reply {
                    case .simple:
                        break
                    case .number(let token):
                        if stage == .measuring, let releasedAt { recorder.cycle(nanoseconds: now - releasedAt) }
                        client.output.append(RESPCommand.bytes(["RELEASE", name, String(token)]))
                        if stage != .ending {
                            client.output.append(wait)
                            awaited += 2
                        }
                        releasedAt = MonotonicClock.now
                        try client.socket.write(client.output)
                    default:
                        throw LoadError("leased refused: \(reply)")
                    }
                }
            }
            let now = MonotonicClock.now
            if stage == .warmingUp, now >= window.begins {
                stage = .measuring
                recorder.begin(at: now, peer: try processes?.processorTime(), own: ProcessorTime.ofThisProcess)
            } else if stage == .measuring, now >= window.ends {
                stage = .ending
                recorder.end(at: now, peer: try processes?.processorTime(), own: ProcessorTime.ofThisProcess)
            }
            guard now < window.ends + patience else { throw LoadError("leased does not hand the lease over") }
        }
        return figures(of: recorder)
    }

    private enum Stage {
        case warmingUp
        case measuring
        case ending
    }

    private func figures(of recorder: Recorder) -> HandOverFigures {
        let workload = Workload(name: name, before: nil, cycle: [], after: nil)
        let plan = LoadPlan(workload: workload, clients: waiters + 1, pipeline: 1, limit: .count(0))
        let figures = recorder.figures(of: plan)
        return HandOverFigures(
            waiters: waiters,
            seconds: figures.seconds,
            handOvers: figures.cycles,
            handOversPerSecond: figures.cyclesPerSecond,
            latency: figures.latency,
            peerMicrosecondsPerHandOver: figures.peerMicrosecondsPerCycle
        )
    }

    private final class Client {
        let socket: UnixSocket
        let reader = RESPReader()
        let output = OutputBuffer()

        init(path: String) throws {
            socket = try UnixSocket(connectingTo: path)
        }
    }
}
