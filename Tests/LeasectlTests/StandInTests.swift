import Glibc
import LeaseCore
import Testing

@testable import leasectl

@Suite struct SignalEchoesTests {
    private func taken(_ ways: [Bool], signal: Int32 = SIGTERM) -> Int {
        var echoes = SignalEchoes()
        return ways.filter { !echoes.isEcho(signal, isPassedOn: $0) }.count
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

    @Test func eachSignalHasItsOwn() {
        var echoes = SignalEchoes()
        let isEcho = [(SIGTERM, true), (SIGINT, false), (SIGTERM, false)].map { signal, isPassedOn in
            echoes.isEcho(signal, isPassedOn: isPassedOn)
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
