import Glibc
import LeaseCore
import Testing

@testable import leasectl

@Suite struct SignalRepetitionsTests {
    private func instant(_ milliseconds: Int64) -> BootInstant {
        BootInstant(nanoseconds: milliseconds * 1_000_000)
    }

    /// Which of the signals of one kind, at these milliseconds, count as repetitions.
    private func repetitions(_ signal: Int32, at milliseconds: Int64...) -> [Bool] {
        var repetitions = SignalRepetitions()
        return milliseconds.map { repetitions.takeRepetition(signal, now: instant($0)) }
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func whatComesAtOnceIsTheSameRequest(signal: Int32) {
        #expect(SignalRepetitions.window == .milliseconds(5))
        #expect(repetitions(signal, at: 100, 100, 104, 105) == [false, true, true, false], "counted from the first")
        #expect(repetitions(signal, at: 100, 106, 107, 200) == [false, false, true, false])
    }

    @Test func aRequestOfAnotherKindIsAnotherRequest() {
        var repetitions = SignalRepetitions()
        let taken = [SIGTERM, SIGINT, SIGTERM, SIGINT].map { repetitions.takeRepetition($0, now: instant(0)) }
        #expect(taken == [false, false, true, true])
    }

    @Test(arguments: [SIGHUP, SIGUSR1, SIGCONT, SIGWINCH, SIGCHLD])
    func onlyRequestsToStopAreOne(signal: Int32) {
        #expect(repetitions(signal, at: 0, 0, 0) == [false, false, false])
    }
}

@Suite struct SignalEchoesTests {
    private func taken(_ ways: [Bool], signal: Int32 = SIGTERM) -> Int {
        var echoes = SignalEchoes()
        return ways.filter { !echoes.takeEcho(signal, isPassedOn: $0, now: BootInstant(nanoseconds: 0)) }.count
    }

    @Test func oneWayIsNoEcho() {
        #expect(taken([true, true, true]) == 3)
        #expect(taken([false, false]) == 2)
    }

    @Test func whatComesBothWaysIsOne() {
        #expect(taken([true, false]) == 1)
        #expect(taken([false, true]) == 1)
        #expect(taken([false, true, true, false]) == 2)
        #expect(taken([false, true, false]) == 2)
    }

    @Test func anOldSignalHasOneEcho() {
        #expect(taken([true, true, true, false, false]) == 4)
    }

    /// A hang-up that was sent to this process only is no reason to drop one that is passed on much later.
    @Test func whatComesLaterIsNoEcho() {
        var echoes = SignalEchoes()
        let first = BootInstant(nanoseconds: 0)
        let last = first.advanced(by: SignalEchoes.window)
        let isEcho = [(false, first), (true, last), (false, last)].map { isPassedOn, now in
            echoes.takeEcho(SIGHUP, isPassedOn: isPassedOn, now: now)
        }
        #expect(isEcho == [false, false, true])
    }

    @Test func eachSignalHasItsOwn() {
        var echoes = SignalEchoes()
        let isEcho = [(SIGTERM, true), (SIGINT, false), (SIGTERM, false)].map { signal, isPassedOn in
            echoes.takeEcho(signal, isPassedOn: isPassedOn, now: BootInstant(nanoseconds: 0))
        }
        #expect(isEcho == [false, false, true])
    }
}

@Suite struct ShortLabelTests {
    @Test(arguments: [
        ("short", "short"), ("name_with_more_than_sixteen", "name_with_more_t"), ("xxxgrößergröß", "xxxgrößergrö"),
    ])
    func labelIsCutBetweenCharacters(program: String, label: String) throws {
        let command = try #require(JobCommand([Array("/bin/\(program)".utf8)]))
        #expect(command.ownerLabel.shortened.text == label)
        #expect(command.ownerLabel.text == program)
    }
}
