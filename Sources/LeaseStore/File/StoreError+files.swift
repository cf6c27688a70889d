import Glibc

extension StoreError {
    static func failed(_ what: String, _ path: String, _ number: Int32) -> StoreError {
        let code: Code =
            switch number {
            case EACCES, EPERM, EROFS: .denied
            case EIO, ENOSPC, EDQUOT: .ioError
            default: .cannotCreate
            }
        return StoreError(code, "\(what) \(path): \(systemMessage(number))")
    }

    static func isThere(_ path: String) -> StoreError {
        StoreError(.exists, "\(path) is there already; name another file, or have it replaced")
    }
}
