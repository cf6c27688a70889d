/// Why a measurement cannot be made, as one sentence.
///
/// A refused command is such a reason: the generator never asks for a name that it holds, so a refusal is a fault of
/// the peer or of the set-up, and figures measured in spite of it would be meaningless.
package struct LoadError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
