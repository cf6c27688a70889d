import LeaseServer
import LeaseStore
import SystemdNotify

/// The daemon's exit codes on failure, from sysexits.h.
extension LeasedCommand {
    static func exitCode(of error: any Error) -> Int32 {
        switch error {
        case let error as ConfigurationError: error.exit.rawValue
        case let error as ListenError: error.exit.rawValue
        case let error as StoreError: systemExit(of: error.code).rawValue
        case is SystemdError, is TooManySockets: SystemExit.configuration.rawValue
        default: SystemExit.systemError.rawValue
        }
    }

    static func sentence(of error: any Error) -> String {
        "\(error)"
    }

    private static func systemExit(of code: StoreError.Code) -> SystemExit {
        switch code {
        case .locked: .unavailable
        case .notAStore, .damaged, .newerSchema, .hashChanged, .isBackup, .notABackup: .badData
        case .missing: .noInput
        case .tokensAhead: .usage
        case .cannotCreate, .exists: .cannotCreate
        case .denied: .noPermission
        default: .ioError
        }
    }
}
