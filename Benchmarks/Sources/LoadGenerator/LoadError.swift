/// Why a measurement cannot be made, as one sentence.
///
/// A refused command is one too: the generator never asks for a name that it holds, so a refusal is a fault of the peer
/// or of the set-up, and figures that were made in spite of it would mean nothing.
package struct LoadError: Error, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
