internal import Glibc

/// Why a call to the service manager failed.
///
/// A process without a service manager is not an error: the calls then return that nobody was told.
package struct SystemdError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure.
    ///
    /// A later release may add to it.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String {
            case notDelivered, badEnvironment, badDescriptor, badName
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// There is a notify socket, but the message could not be sent to it.
        package static let notDelivered = Code(.notDelivered)
        /// A variable of the service manager (`WATCHDOG_USEC`, `LISTEN_FDS`, …) has an invalid value.
        package static let badEnvironment = Code(.badEnvironment)
        /// A passed descriptor is not of the required kind.
        package static let badDescriptor = Code(.badDescriptor)
        /// The descriptor store does not accept the name.
        package static let badName = Code(.badName)

        /// The code's name in Swift.
        package var description: String { kind.rawValue }
    }

    /// The kind of failure.
    package let code: Code

    /// A sentence for people.
    package let message: String

    /// The system's error number, or 0 if there is none.
    package let errorNumber: Int32

    init(_ code: Code, _ message: String, errorNumber: Int32 = 0) {
        self.code = code
        self.message = errorNumber == 0 ? message : "\(message): \(Self.text(of: errorNumber))"
        self.errorNumber = errorNumber
    }

    /// The sentence.
    package var description: String { message }

    private static func text(of errorNumber: Int32) -> String {
        // Since glibc 2.32, strerror(3) has a buffer for each thread.
        strerror(errorNumber).map { String(cString: $0) } ?? "error \(errorNumber)"
    }
}
