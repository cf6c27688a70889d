/// How the numbers of names are written: a prefix and seven digits, the same for each peer.
package struct LockNames: Hashable, Sendable {
    static let digits = 7

    package let prefix: String

    package init(prefix: String) {
        self.prefix = prefix
    }

    /// The length of each name in bytes.
    var length: Int { prefix.utf8.count + Self.digits }

    func text(_ number: Int) -> String {
        let digits = String(number)
        return prefix + String(repeating: "0", count: max(0, Self.digits - digits.count)) + digits
    }
}
