/// The exit codes of `leasectl`, those of sysexits.h where it has one.
enum ExitStatus {
    static let success: Int32 = 0
    /// The answer is no (`status --is`, `prefix contains`), or what was asked for is not there (`get`).
    static let isAnother: Int32 = 1
    /// The caller used the command wrongly (EX_USAGE).
    static let usage: Int32 = 64
    /// The input is damaged or too big (EX_DATAERR).
    static let dataError: Int32 = 65
    /// The input cannot be read (EX_NOINPUT).
    static let noInput: Int32 = 66
    /// The daemon cannot be reached, or has no room (EX_UNAVAILABLE).
    static let unavailable: Int32 = 69
    /// Something that should not happen (EX_SOFTWARE).
    static let internalError: Int32 = 70
    /// A file cannot be made, or already exists (EX_CANTCREAT).
    static let cannotCreate: Int32 = 73
    /// The output could not be written (EX_IOERR).
    static let outputError: Int32 = 74
    /// The lease is held by another; a later attempt may succeed (EX_TEMPFAIL).
    static let notAcquired: Int32 = 75
    /// The lease is lost: the token is not, or no longer, the lease's (the number of EX_PROTOCOL, which is not used).
    static let lost: Int32 = 76
    /// This user may not do this (EX_NOPERM).
    static let denied: Int32 = 77
    /// The job was stopped at `--at-most`, as with timeout(1).
    static let atMostReached: Int32 = 124
    /// The command cannot be executed, as with env(1).
    static let cannotExecute: Int32 = 126
    /// The command is not found, as with env(1).
    static let notFound: Int32 = 127

    /// The exit code for a process that a signal ended.
    static func signalled(_ signal: Int32) -> Int32 { 128 + signal }
}
