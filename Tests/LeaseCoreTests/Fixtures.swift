import LeaseCore

/// What a tenure is attached to; the test library also has a type of this name.
typealias Attachment = LeaseCore.Attachment

/// An instant for tests: `nanoseconds` after an arbitrary hour of an arbitrary boot, on both clocks.
func moment(_ nanoseconds: Int64 = 0) -> Moment {
    Moment(
        boot: BootInstant(nanoseconds: 3_600_000_000_000 + nanoseconds),
        wall: WallInstant(microseconds: 1_700_000_000_000_000 + nanoseconds / 1000)
    )
}

/// A token with a number that is known to be valid.
func token(_ number: Int64) -> Token {
    Token(rawValue: number)!
}

/// The code of the error that `body` throws, or `nil` if it does not throw.
func refusal(_ body: () throws -> Void) -> LeaseError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? LeaseError)?.code
    }
}
