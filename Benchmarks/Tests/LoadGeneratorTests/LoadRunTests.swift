import Glibc
import LoadGenerator
import Testing

@Suite struct LoadRunTests {
    @Test func countedRunDoesEachNameOnceAndEnds() throws {
        let peer = try EchoPeer()
        let plan = LoadPlan(workload: .cycles, clients: 1, pipeline: 4, limit: .count(10))
        let names = NameChooser(count: 10, order: .ascending, seed: 0)
        let figures = try LoadRun(plan: plan, connections: [peer], names: names, processes: nil).run()
        #expect(figures.cycles == 10)
        #expect(figures.peerMicrosecondsPerCycle == nil)
        #expect(Set(figures.commands.keys) == ["acquire", "release"])
        #expect(peer.done.filter { $0.operation == .acquire }.map(\.name).sorted() == Array(0..<10))
        #expect(peer.done.filter { $0.operation == .release }.map(\.name).sorted() == Array(0..<10))
    }

    @Test func laneKeepsItsNameBetweenBeforeAndAfter() throws {
        let peer = try EchoPeer()
        let plan = LoadPlan(workload: .renewals, clients: 1, pipeline: 2, limit: .count(6))
        let names = NameChooser(count: 100, order: .random, seed: 1)
        let figures = try LoadRun(plan: plan, connections: [peer], names: names, processes: nil).run()
        #expect(figures.cycles == 6)
        #expect(Set(peer.done.map(\.name)).count == 2)
        #expect(peer.done.filter { $0.operation == .acquire }.count == 2)
        #expect(peer.done.filter { $0.operation == .release }.count == 2)
    }

    @Test func timedRunLeavesNothingHeld() throws {
        let peer = try EchoPeer()
        let limit = LoadPlan.Limit.time(warmUp: 1_000_000, measured: 20_000_000)
        let plan = LoadPlan(workload: .cycles, clients: 2, pipeline: 1, clientsPerConnection: 2, limit: limit)
        let names = NameChooser(count: 100, order: .random, seed: 1)
        let figures = try LoadRun(plan: plan, connections: [peer], names: names, processes: nil).run()
        #expect(figures.cycles > 0)
        #expect(figures.seconds >= 0.02)
        #expect(peer.held.isEmpty)
    }

    @Test func clientsAreSharedOutOverConnections() {
        let plan = LoadPlan(workload: .cycles, clients: 25, pipeline: 2, clientsPerConnection: 10, limit: .count(1))
        #expect(plan.lanesOfConnections == [20, 20, 10])
    }
}

/// A peer within the process that executes commands at once.
///
/// Its descriptor, a pipe's, is readable while answers are due.
private final class EchoPeer: PeerConnection {
    let descriptor: Int32
    private let writer: Int32
    private(set) var done: [(operation: LoadGenerator.Operation, name: Int)] = []
    private(set) var held: Set<Int> = []
    private var waiting: [Int] = []

    init() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        (descriptor, writer) = (ends[0], ends[1])
    }

    deinit {
        Glibc.close(descriptor)
        Glibc.close(writer)
    }

    func enqueue(_ operation: LoadGenerator.Operation, lane: Int, name: Int) throws {
        done.append((operation, name))
        switch operation {
        case .acquire: #expect(held.insert(name).inserted)
        case .release: #expect(held.remove(name) != nil)
        default: #expect(held.contains(name))
        }
        waiting.append(lane)
    }

    func flush() throws {
        if !waiting.isEmpty { #expect(write(writer, "!", 1) == 1) }
    }

    func receive(_ answered: (_ lane: Int) throws -> Void) throws {
        var byte: UInt8 = 0
        #expect(read(descriptor, &byte, 1) == 1)
        let lanes = waiting
        waiting = []
        for lane in lanes { try answered(lane) }
    }

    func close() {}
}
