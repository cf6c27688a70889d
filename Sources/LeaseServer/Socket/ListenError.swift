internal import Glibc
internal import LeaseStore

/// Why there is no socket to listen on.
///
/// What was at the path is still there, unless it was a dead daemon's socket.
package struct ListenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    ///
    /// A later release may add to it.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case inUse, notASocket, pathTooLong, notPermitted, cannotCreate, systemError
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// A live process has the path.
        package static let inUse = Code(.inUse)
        /// Something that is not a socket is at the path.
        package static let notASocket = Code(.notASocket)
        /// The path does not fit into a socket address.
        package static let pathTooLong = Code(.pathTooLong)
        /// This user may not make the socket there, or not for that group.
        package static let notPermitted = Code(.notPermitted)
        /// The folder, the lock or the socket cannot be made.
        package static let cannotCreate = Code(.cannotCreate)
        /// The system refused another call.
        package static let systemError = Code(.systemError)

        /// The code's name in Swift.
        package var description: String { kind.rawValue }
    }

    /// The kind of failure.
    package let code: Code

    /// A sentence for people: it names the path and what to do.
    package let message: String

    /// How the program should end.
    package var exit: SystemExit {
        switch code {
        case .inUse: .unavailable
        case .pathTooLong: .configuration
        case .notPermitted: .noPermission
        case .notASocket, .cannotCreate: .cannotCreate
        default: .systemError
        }
    }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The error of a call that failed; a missing permission has its own code.
    ///
    /// - Parameter advice: what to do if a permission is missing.
    init(_ code: Code, _ action: String, errorNumber: Int32, advice: String? = nil) {
        let isPermission = [EACCES, EPERM, EROFS].contains(errorNumber)
        let advice = advice.flatMap { isPermission ? "; \($0)" : nil } ?? ""
        self.init(isPermission ? .notPermitted : code, "\(action): \(systemMessage(errorNumber))\(advice)")
    }

    /// The sentence.
    package var description: String { message }
}
