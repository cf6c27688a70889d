import Histogram

/// Collects times during a measurement, and computes its figures.
struct Recorder {
    private typealias Times = Histogram<UInt64>

    private let operations: [Operation]
    private var cycles = Self.emptyTimes()
    private var commands: [Times]
    private var count = 0
    private var began = Reading()
    private var ended = Reading()

    private struct Reading {
        var at: UInt64 = 0
        var peer: UInt64?
        var own: UInt64 = 0
    }

    init(operations: [Operation]) {
        self.operations = operations
        commands = operations.map { _ in Self.emptyTimes() }
    }

    mutating func command(_ step: Int, nanoseconds: UInt64) {
        commands[step].record(nanoseconds)
    }

    mutating func cycle(nanoseconds: UInt64) {
        count += 1
        cycles.record(nanoseconds)
    }

    mutating func begin(at instant: UInt64, peer: UInt64?, own: UInt64) {
        began = Reading(at: instant, peer: peer, own: own)
    }

    mutating func end(at instant: UInt64, peer: UInt64?, own: UInt64) {
        ended = Reading(at: instant, peer: peer, own: own)
    }

    func figures(of plan: LoadPlan) -> Figures {
        let nanoseconds = Double(ended.at - began.at)
        func perCycle(_ time: UInt64) -> Double { Double(time) / 1000 / Double(max(1, count)) }
        var peer: Double?
        if let before = began.peer, let after = ended.peer {
            peer = perCycle(after > before ? after - before : 0)
        }
        return Figures(
            workload: plan.workload.name,
            clients: plan.clients,
            pipeline: plan.pipeline,
            clientsPerConnection: plan.clientsPerConnection,
            seconds: nanoseconds / 1e9,
            cycles: count,
            cyclesPerSecond: Double(count) * 1e9 / nanoseconds,
            latency: Latency(cycles),
            commands: Dictionary(
                zip(operations.map(\.rawValue), commands.map(Latency.init)),
                uniquingKeysWith: { first, _ in first }
            ),
            peerMicrosecondsPerCycle: peer,
            ownMicrosecondsPerCycle: perCycle(ended.own - began.own),
            ownBusy: Double(ended.own - began.own) / nanoseconds
        )
    }

    /// Up to a minute, with three significant digits.
    private static func emptyTimes() -> Times {
        Times(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    }
}
