/// What is to be done about a request: events to make durable, in order, and then the answer.
///
/// At most two things happen. A tenure that the request found past its end has ended, and that comes first, also when the
/// request itself is refused: no reply or grant may show an end that is not durable. Then what was asked for.
package struct Decision: Hashable, Sendable {
    /// How the tenure that the request found had ended by time, if it had.
    package let ended: TenureEnd?
    /// What the request does.
    package let event: TenureEvent?
    /// What it answers once the events are durable.
    package let answer: Result<LeaseAnswer, LeaseError>

    init(ended: TenureEnd?, event: TenureEvent? = nil, answer: Result<LeaseAnswer, LeaseError>) {
        self.ended = ended
        self.event = event
        self.answer = answer
    }

    /// The decision that refuses what this one would have granted; a tenure that had ended has ended all the same.
    package func refused(_ error: LeaseError) -> Decision {
        Decision(ended: ended, answer: .failure(error))
    }
}
