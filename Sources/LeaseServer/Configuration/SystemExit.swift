/// How a program ends when it cannot do its work: the numbers of sysexits.h, which service managers and scripts know.
package enum SystemExit: Int32, Hashable, Sendable {
    /// The command line is wrong (`EX_USAGE`).
    case usage = 64
    /// A file does not hold what it should (`EX_DATAERR`).
    case badData = 65
    /// A file that must be read does not exist (`EX_NOINPUT`).
    case noInput = 66
    /// Another process is in the way, or a service is missing (`EX_UNAVAILABLE`).
    case unavailable = 69
    /// The system refused a call (`EX_OSERR`).
    case systemError = 71
    /// A file or socket cannot be made (`EX_CANTCREAT`).
    case cannotCreate = 73
    /// Reading or writing failed (`EX_IOERR`).
    case ioError = 74
    /// The user may not do this (`EX_NOPERM`).
    case noPermission = 77
    /// The configuration is wrong (`EX_CONFIG`).
    case configuration = 78
}
