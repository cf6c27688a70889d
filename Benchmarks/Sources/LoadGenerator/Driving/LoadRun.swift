/// Drives the lanes of all connections to one peer from one thread, and measures.
///
/// A lane is one command in flight: a client has one, or as many as its pipeline is deep. An answer triggers its lane's
/// next command, and the commands triggered by one read leave in one write. So a client with a pipeline keeps it full,
/// and a peer that answers in groups gets its commands in groups.
///
///     epoll ─▶ receive ─▶ answer of a lane ─▶ record ─▶ next command ─┐
///       ▲                        └──────────── for each ◀─────────────┤
///       └─────────────────────── flush ◀──────────────────────────────┘
package final class LoadRun<Connection: PeerConnection> {
    /// The longest silence of a peer, in nanoseconds.
    private let patience: UInt64 = 30_000_000_000

    private let plan: LoadPlan
    private let connections: [Connection]
    private var lanes: [[Lane]]
    private var names: NameChooser
    private var recorder: Recorder
    private let processes: ProcessTree?

    private var working = 0
    private var startable: Int
    private var stage = Stage.warmingUp

    private struct Lane {
        var place = Place.before
        var name = 0
        var cycleBegan: UInt64 = 0
        var commandBegan: UInt64 = 0
    }

    private enum Place {
        case before
        case cycle(Int)
        case after
    }

    private enum Stage {
        case warmingUp
        case measuring
        case ending
    }

    /// - Parameter processes: The peer's processes, whose processor time is measured; `nil` if there are none.
    package init(plan: LoadPlan, connections: [Connection], names: NameChooser, processes: ProcessTree?) {
        self.plan = plan
        self.connections = connections
        lanes = plan.lanesOfConnections.map { Array(repeating: Lane(), count: $0) }
        precondition(lanes.count == connections.count)
        self.names = names
        self.processes = processes
        recorder = Recorder(operations: plan.workload.cycle)
        startable = if case .count(let count) = plan.limit { count } else { .max }
    }

    /// Runs the plan.
    ///
    /// At the end no lane holds anything, unless the workload keeps what it acquires.
    package func run() throws -> Figures {
        var poller = try Poller(descriptors: connections.map(\.descriptor))
        let began = MonotonicClock.now
        var window: (begins: UInt64, ends: UInt64) = (began, .max)
        if case .time(let warmUp, let measured) = plan.limit {
            window = (began + warmUp, began + warmUp + measured)
        } else {
            try beginMeasuring()
        }
        try startLanes(at: began)

        var lastAnswer = began
        while working > 0 {
            try poller.wait(milliseconds: 100) { index in
                let connection = connections[index]
                let now = MonotonicClock.now
                try connection.receive { lane in
                    try answered(lane, of: index, at: now)
                }
                try connection.flush()
                lastAnswer = now
            }
            let now = MonotonicClock.now
            if case .warmingUp = stage, now >= window.begins { try beginMeasuring() }
            if case .measuring = stage, now >= window.ends { try endMeasuring() }
            guard now < lastAnswer + patience else {
                throw LoadError("the peer has not answered for \(patience / 1_000_000_000) s")
            }
        }
        if case .measuring = stage { try endMeasuring() }
        return recorder.figures(of: plan)
    }

    private func startLanes(at now: UInt64) throws {
        for index in connections.indices {
            for lane in lanes[index].indices {
                if let before = plan.workload.before {
                    working += 1
                    lanes[index][lane].name = names.take()
                    try connections[index].enqueue(before, lane: lane, name: lanes[index][lane].name)
                } else if startable > 0 {
                    working += 1
                    try beginCycle(lane, of: index, at: now)
                }
            }
            try connections[index].flush()
        }
    }

    private func answered(_ lane: Int, of index: Int, at now: UInt64) throws {
        switch lanes[index][lane].place {
        case .before:
            try beginCycle(lane, of: index, at: now)
        case .cycle(let step):
            if case .measuring = stage {
                recorder.command(step, nanoseconds: now - lanes[index][lane].commandBegan)
            }
            if step + 1 < plan.workload.cycle.count {
                try send(step + 1, lane, of: index, at: now)
            } else {
                try endCycle(lane, of: index, at: now)
            }
        case .after:
            working -= 1
        }
    }

    private func beginCycle(_ lane: Int, of index: Int, at now: UInt64) throws {
        startable -= 1
        if plan.workload.before == nil {
            lanes[index][lane].name = names.take()
        }
        lanes[index][lane].cycleBegan = now
        try send(0, lane, of: index, at: now)
    }

    private func endCycle(_ lane: Int, of index: Int, at now: UInt64) throws {
        if case .measuring = stage {
            recorder.cycle(nanoseconds: now - lanes[index][lane].cycleBegan)
        }
        if plan.workload.before == nil {
            names.giveBack(lanes[index][lane].name)
        }
        if startable > 0 {
            try beginCycle(lane, of: index, at: now)
        } else if let after = plan.workload.after {
            lanes[index][lane].place = .after
            try connections[index].enqueue(after, lane: lane, name: lanes[index][lane].name)
        } else {
            working -= 1
        }
    }

    private func send(_ step: Int, _ lane: Int, of index: Int, at now: UInt64) throws {
        lanes[index][lane].place = .cycle(step)
        lanes[index][lane].commandBegan = now
        try connections[index].enqueue(plan.workload.cycle[step], lane: lane, name: lanes[index][lane].name)
    }

    private func beginMeasuring() throws {
        stage = .measuring
        recorder.begin(at: MonotonicClock.now, peer: try processes?.processorTime(), own: ProcessorTime.ofThisProcess)
    }

    private func endMeasuring() throws {
        stage = .ending
        startable = 0
        recorder.end(at: MonotonicClock.now, peer: try processes?.processorTime(), own: ProcessorTime.ofThisProcess)
    }
}
