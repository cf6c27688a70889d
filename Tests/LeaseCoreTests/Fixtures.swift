import LeaseCore

/// What a tenure hangs on; the test library has a type of that name, too.
typealias Attachment = LeaseCore.Attachment

/// An instant of the tests: `nanoseconds` after an arbitrary hour of an arbitrary boot, on both clocks.
func moment(_ nanoseconds: Int64 = 0) -> Moment {
    Moment(
        boot: BootInstant(nanoseconds: 3_600_000_000_000 + nanoseconds),
        wall: WallInstant(microseconds: 1_700_000_000_000_000 + nanoseconds / 1000)
    )
}

/// A token whose number is known to be one.
func token(_ number: Int64) -> Token {
    Token(rawValue: number)!
}

/// The code of the error that `body` throws, or `nil` if it throws none.
func refusal(_ body: () throws -> Void) -> LeaseError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? LeaseError)?.code
    }
}
