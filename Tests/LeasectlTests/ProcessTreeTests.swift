import Foundation
import Glibc
import Testing

@testable import leasectl

/// A line of `/proc/PID/stat`.
private func line(
    _ process: Int,
    _ name: String,
    _ state: String,
    _ parent: Int,
    start: Int,
    threads: Int = 1
) -> [UInt8] {
    let counts = "1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 \(threads) 0 \(start) 0 0"
    return Array("\(process) (\(name)) \(state) \(parent) \(counts)\n".utf8)
}

@Suite struct ProcessTableTests {
    @Test(arguments: ["sleep", "a b", "x) S 1 (y", "(", ")", ""])
    func entryIsReadWhateverTheName(name: String) throws {
        let entry = try #require(ProcessEntry(stat: line(12, name, "S", 7, start: 99)))
        #expect(entry.identity == ProcessIdentity(process: 12, startTicks: 99))
        #expect(entry.parent == 7)
        #expect(entry.name == name)
        #expect(!entry.isZombie)
    }

    @Test func zombieIsKnown() throws {
        #expect(try #require(ProcessEntry(stat: line(12, "x", "Z", 7, start: 99))).isZombie)
        // Its first thread has ended, and another continues.
        #expect(try !#require(ProcessEntry(stat: line(12, "x", "Z", 7, start: 99, threads: 2))).isZombie)
    }

    @Test(arguments: ["", "12", "12 (x", "12 (x) S", "a (x) S 1 1 1", "12 )x( S 7"])
    func whatIsNoEntryIsNone(text: String) {
        #expect(ProcessEntry(stat: Array(text.utf8)) == nil)
    }

    private func descendants(of root: pid_t, _ pairs: [(Int, Int)], excluding: Set<pid_t> = []) throws -> Set<pid_t> {
        let entries = try pairs.map { try #require(ProcessEntry(stat: line($0.0, "x", "S", $0.1, start: 1))) }
        return Set(ProcessTable.descendants(of: root, among: entries, excluding: excluding).map(\.process))
    }

    @Test func descendantsAreChildrenOfChildren() throws {
        #expect(try descendants(of: 5, [(6, 5), (8, 7), (7, 6), (9, 1), (5, 1)]) == [6, 7, 8])
        #expect(try descendants(of: 5, [(9, 1)]) == [])
    }

    @Test func excludedChildrenAndTheirsAreLeftOut() throws {
        #expect(try descendants(of: 5, [(6, 5), (7, 6), (8, 5), (9, 8)], excluding: [6]) == [8, 9])
    }

    @Test func circleOfReusedNumbersEnds() throws {
        #expect(try descendants(of: 5, [(6, 5), (7, 6), (6, 7), (5, 7)]) == [6, 7])
    }

    @Test func thisProcessIsInTheTable() throws {
        let own = try #require(ProcessTable.entry(getpid()))
        #expect(own.parent == getppid())
        #expect(ProcessTable.all().contains { $0.identity == own.identity })
    }
}

@Suite struct TerminationRoundsTests {
    /// Processes of a tree below process 5, as number, parent and start.
    private func entries(_ processes: [(Int, Int, Int)]) throws -> [ProcessEntry] {
        try processes.map { process, parent, start in
            try #require(ProcessEntry(stat: line(process, "x", "S", parent, start: start)))
        }
    }

    private func unasked(_ processes: [(Int, Int, Int)], after first: [(Int, Int, Int)]) throws -> [pid_t] {
        var rounds = TerminationRounds()
        let all = try entries(first)
        #expect(rounds.unasked(among: all, root: 5) == all, "all, at first")
        rounds.asked(all, in: 100...102)
        return rounds.unasked(among: try entries(processes), root: 5).map(\.process)
    }

    @Test func nobodyIsAskedTwice() throws {
        #expect(try unasked([(6, 5, 1), (7, 6, 1)], after: [(6, 5, 1), (7, 6, 1)]) == [])
        // A different process by now.
        #expect(try unasked([(6, 5, 99)], after: [(6, 5, 1)]) == [6])
    }

    @Test func whoCleansUpIsLeftAlone() throws {
        #expect(try unasked([(6, 5, 1), (7, 6, 101), (8, 7, 103)], after: [(6, 5, 1)]) == [])
        // And so is what remains after everybody was asked.
        #expect(try unasked([(8, 5, 103)], after: [(6, 5, 1)]) == [])
    }

    @Test func whoWasStartedBeforeIsAskedLater() throws {
        #expect(try unasked([(6, 5, 1), (7, 6, 99)], after: [(6, 5, 1)]) == [7], "a listing has missed it")
        #expect(
            try unasked([(7, 5, 101)], after: [(6, 5, 1)]) == [7],
            "its parent was asked behind its start, and has ended"
        )
        #expect(try unasked([(8, 7, 104), (7, 5, 102)], after: [(6, 5, 1)]) == [7, 8], "with all that it has started")
    }
}

@Suite struct ProcessTreeTests {
    /// A job in the place of `leasectl`: its descendants are the tree.
    private static let family = #"""
        sleep 1000 & first=$!
        setsid sh -c 'trap "" TERM; sleep 1000 & echo $$ $! > "$0/inner"; wait; wait; wait' "$1" & second=$!
        while [ ! -s "$1/inner" ]; do sleep 0.01; done
        echo $first $second $(cat "$1/inner") > "$1/ready"
        wait
        """#

    @Test func treeIsFoundTerminatedAndKilled() throws {
        let harness = try JobHarness()
        try harness.makeReadyPipe()
        let root = try harness.spawner().spawn(harness.shell(Self.family), environment: JobHarness.environment())
        let members = try harness.awaitReady().compactMap { pid_t($0) }
        try #require(members.count == 4, "two children, and the second's own number and child")
        var tree = ProcessTree(root: root)
        #expect(Set(tree.living().map(\.process)) == Set(members))

        tree.terminate()
        // The process that ignores TERM stays, and so does its child, which ignores it, too; nobody is asked twice.
        let second = members[1]
        while tree.living().contains(where: { $0.process == members[0] }) { sched_yield() }
        #expect(tree.living().contains { $0.process == second })
        tree.terminate()
        #expect(tree.living().contains { $0.process == second })

        tree.kill()
        #expect(JobHarness.wait(for: root) == .exited(0), "the shell has waited for both of its children")
        #expect(tree.living().isEmpty)
    }

    @Test(.timeLimit(.minutes(5)))
    func stoppedProcessCanEnd() throws {
        let harness = try JobHarness()
        try harness.makeReadyPipe()
        let root = try harness.spawner().spawn(harness.shell(Self.sleeper), environment: JobHarness.environment())
        let child = try #require(harness.awaitReady().first.flatMap { pid_t($0) })
        kill(child, SIGSTOP)
        while try !String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8).contains(") T ") { sched_yield() }
        var tree = ProcessTree(root: root)
        tree.terminate()
        #expect(JobHarness.wait(for: root) == .exited(0), "the shell has waited for its child")
    }

    @Test func emptinessIsWhatWaitpidSays() {
        #expect(ProcessTree(root: getpid()).isEmpty(hasChildren: false))
        #expect(!ProcessTree(root: getpid()).isEmpty(hasChildren: true))
    }

    @Test func foreignChildrenDoNotCount() throws {
        let harness = try JobHarness()
        try harness.makeReadyPipe()
        let root = try harness.spawner().spawn(harness.shell(Self.sleeper), environment: JobHarness.environment())
        let child = try #require(harness.awaitReady().first.flatMap { pid_t($0) })
        var tree = ProcessTree(root: root, foreign: [child, getpid()])
        #expect(tree.isEmpty(hasChildren: true))
        #expect(tree.living().isEmpty)
        #expect(!ProcessTree(root: root, foreign: [getpid()]).isEmpty(hasChildren: true))
        tree.ended(child)
        #expect(tree.living().map(\.process) == [child], "its number may be used again, by one of the job's")
        tree.kill()
        #expect(JobHarness.wait(for: root) == .exited(0))
    }

    /// A shell with one child.
    private static let sleeper = #"sleep 1000 & echo $! > "$1/ready"; wait"#
}

@Suite struct MailboxTests {
    @Test func eventsArriveInOrderAndWake() async throws {
        let mailbox = try Mailbox<Int>()
        #expect(mailbox.take().isEmpty)
        await Task.detached { (0..<100).forEach { mailbox.post($0) } }.value
        var descriptor = pollfd(fd: mailbox.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&descriptor, 1, 0) == 1)
        #expect(mailbox.take() == Array(0..<100))
        #expect(poll(&descriptor, 1, 0) == 0)
        #expect(mailbox.take().isEmpty)
    }
}
