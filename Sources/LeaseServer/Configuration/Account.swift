internal import CLinux
internal import Glibc

/// Users and groups of the machine, by name or number: getpwnam_r(3), getgrnam_r(3).
enum Account {
    /// The user and group databases could not be asked; whether the name exists is not known.
    struct LookupError: Error {
        let reason: String
    }

    /// A user's number.
    ///
    /// Digits are the number itself, whether a user has it or not.
    ///
    /// - Returns: `nil` if there is no such user.
    static func userID(_ text: String) throws(LookupError) -> UInt32? {
        if let number = number(text) { return number }
        return try find { buffer, count in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let result = getpwnam_r(text, &entry, buffer, count, &found)
            return (result, found?.pointee.pw_uid)
        }
    }

    /// A group's number.
    ///
    /// Digits are the number itself, whether a group has it or not.
    ///
    /// - Returns: `nil` if there is no such group.
    static func groupID(_ text: String) throws(LookupError) -> UInt32? {
        if let number = number(text) { return number }
        return try find { buffer, count in
            var entry = group()
            var found: UnsafeMutablePointer<group>?
            let result = getgrnam_r(text, &entry, buffer, count, &found)
            return (result, found?.pointee.gr_gid)
        }
    }

    /// The home folder of the user that runs this program.
    ///
    /// - Returns: `nil` if the user has no entry.
    static func ownHome() -> String? {
        try? find { buffer, count in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let result = getpwuid_r(getuid(), &entry, buffer, count, &found)
            return (result, found.flatMap { $0.pointee.pw_dir }.map { String(cString: $0) })
        }
    }

    /// All ones means "no id" in chown(2) and others, so nobody has that number.
    private static func number(_ text: String) -> UInt32? {
        guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let number = UInt32(text), number != .max else {
            return nil
        }
        return number
    }

    /// Asks with a buffer that grows until the entry fits: a group's members may take any room.
    private static func find<Found>(
        _ ask: (UnsafeMutablePointer<CChar>, Int) -> (result: Int32, found: Found?)
    ) throws(LookupError) -> Found? {
        var count = 1024
        while true {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: count)
            defer { buffer.deallocate() }
            let (result, found) = ask(buffer, count)
            switch result {
            case ERANGE where count < 16 << 20: count *= 2
            case EINTR: continue
            // "Not found" is not an error in POSIX; in practice it is one of these numbers (getpwnam(3)).
            case 0, ENOENT, ESRCH, EBADF, EPERM: return found
            default: throw LookupError(reason: String(cString: strerror(result)))
            }
        }
    }
}
