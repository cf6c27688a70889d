import Foundation
import Glibc

/// The one absolute path of a file, without links.
///
/// It is determined once, before anything is opened. SQLite looks for a WAL beside a link's target, opens more
/// connections later, when the process may be in another folder, and takes a name that begins with `file:` for a URI
/// (sqlite.org/uri.html); none of that affects an absolute path. A missing file gets the absolute path of its folder.
func resolvedPath(_ path: String) -> String {
    if let resolved = realPath(path) { return resolved }
    let folder = Folder.path(of: path)
    return "\(realPath(folder) ?? folder)/\(path.split(separator: "/").last ?? "")"
}

/// realpath(3), or `nil` if there is nothing at the path.
private func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}
