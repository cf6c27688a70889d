/// What to do about a request: events to make durable, in order, and then the answer.
///
/// There are at most two events. If the request found a tenure past its end, that end comes first, even if the request
/// is refused: no reply or grant may show an end that is not durable. Then comes what was asked for.
package struct Decision: Hashable, Sendable {
    /// How the tenure that the request found ended by time, if it did.
    package let ended: TenureEnd?
    /// What the request does.
    package let event: TenureEvent?
    /// The answer, to be given once the events are durable.
    package let answer: Result<LeaseAnswer, LeaseError>

    init(ended: TenureEnd?, event: TenureEvent? = nil, answer: Result<LeaseAnswer, LeaseError>) {
        self.ended = ended
        self.event = event
        self.answer = answer
    }

    /// The decision that refuses what this one would have granted; an end by time remains.
    package func refused(_ error: LeaseError) -> Decision {
        Decision(ended: ended, answer: .failure(error))
    }
}
