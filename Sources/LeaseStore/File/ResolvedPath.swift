import Foundation
import Glibc

/// A file by its one absolute path, without links.
///
/// It is taken once, before anything is opened: SQLite looks for a log beside the file that a link leads to, opens further
/// connections later, when the process may be in another folder, and takes a name that begins with `file:` for a URI
/// (sqlite.org/uri.html). An absolute path has none of that. A file that is not there yet has the absolute path of its
/// folder.
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
