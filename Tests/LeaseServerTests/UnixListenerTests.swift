import CLinux
import Glibc
import Testing

@testable import LeaseServer

@Suite struct UnixListenerTests {
    private let folder: TemporaryFolder
    private var path: String { folder.path + "/s" }

    init() throws {
        folder = try TemporaryFolder()
    }

    private func status(_ path: String) throws -> stat {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status
    }

    private func permissions(_ path: String) throws -> UInt32 {
        try status(path).st_mode & 0o7777
    }

    /// Whether a client can connect at the path.
    private func isReachable(_ path: String) throws -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        return try UnixAddress(path: path).connect(descriptor) == 0
    }

    /// A socket bound by a process that has no lock.
    private func foreignSocket(_ path: String, listening: Bool) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        try #require(try UnixAddress(path: path).bind(descriptor) == 0)
        if listening { try #require(listen(descriptor, 0) == 0) }
        return descriptor
    }

    private func error(_ path: String, group: UInt32? = nil) throws -> ListenError {
        try #require(throws: ListenError.self) {
            close(try UnixListener(path: path, group: group).descriptor)
        }
    }

    // MARK: Making it

    @Test func listenerIsReachableWithTheModeAndGroupThatWereAsked() throws {
        let listener = try UnixListener(path: path, mode: 0o640, group: getgid())
        defer { close(listener.descriptor) }
        #expect(try isReachable(path))
        #expect(try permissions(path) == 0o640)
        #expect(try status(path).st_gid == getgid())
        #expect(Glibc.fcntl(listener.descriptor, F_GETFD) & FD_CLOEXEC != 0)
    }

    @Test(arguments: [UInt32(0o755), 0o700])
    func missingFoldersAreMadeAndOthersStayAsTheyAre(mode: UInt32) throws {
        chmod(folder.path, 0o711)
        let path = folder.path + "/a/b/s"
        let listener = try UnixListener(path: path, folderMode: mode)
        defer { close(listener.descriptor) }
        #expect(try permissions(folder.path + "/a") == mode)
        #expect(try permissions(folder.path + "/a/b") == mode)
        #expect(try permissions(folder.path) == 0o711)
    }

    @Test func pathOfTheGreatestLengthWorksAndOneByteMoreIsRefused() throws {
        let longest = folder.path + "/" + String(repeating: "s", count: 106 - folder.path.utf8.count)
        let listener = try UnixListener(path: longest)
        defer { close(listener.descriptor) }
        #expect(try isReachable(longest))
        let failure = try error(longest + "s")
        #expect(failure.code == .pathTooLong)
        #expect(failure.exit == .configuration)
    }

    @Test func folderThatCannotBeMadeIsNamed() throws {
        folder.write("", to: "file")
        let failure = try error(folder.path + "/file/x/s")
        #expect(failure.code == .cannotCreate)
        #expect(failure.message == "cannot make the socket's folder \(folder.path)/file/x: Not a directory")
    }

    // MARK: What is at the path already

    @Test func deadDaemonsSocketIsReplaced() throws {
        close(try foreignSocket(path, listening: true))
        #expect(try !isReachable(path))
        let listener = try UnixListener(path: path)
        defer { close(listener.descriptor) }
        #expect(try isReachable(path))
    }

    @Test func liveDaemonsSocketIsRefusedByItsLockNamingTheProcess() throws {
        let first = try UnixListener(path: path)
        defer { close(first.descriptor) }
        let failure = try error(path)
        #expect(failure.code == .inUse)
        #expect(failure.exit == .unavailable)
        #expect(failure.message.hasPrefix("process \(getpid()) holds \(path).lock"))
        #expect(try isReachable(path))
    }

    @Test(arguments: [false, true])
    func liveSocketOfAProgramWithoutALockIsRefused(hasFullQueue: Bool) throws {
        let foreign = try foreignSocket(path, listening: true)
        defer { close(foreign) }
        let clients = (0..<(hasFullQueue ? 4 : 0)).map { _ in
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            return socket(AF_UNIX, kind, 0)
        }
        defer { clients.forEach { close($0) } }
        let results = try clients.map { try UnixAddress(path: path).connect($0) }
        #expect(results.contains(EAGAIN) == hasFullQueue)
        let before = FileIdentity(path: path)
        let failure = try error(path)
        #expect(failure.code == .inUse)
        #expect(failure.message.hasPrefix(hasFullQueue ? "another process listens" : "process \(getpid()) listens"))
        #expect(FileIdentity(path: path) == before)
    }

    @Test func whatIsNoSocketIsNeverTouched() throws {
        folder.write("precious", to: "s")
        symlink("/nonexistent", folder.path + "/link")
        mkdir(folder.path + "/folder", 0o700)
        for name in ["s", "link", "folder"] {
            let path = "\(folder.path)/\(name)"
            let before = FileIdentity(path: path)
            let failure = try error(path)
            #expect(failure.code == .notASocket)
            #expect(failure.exit == .cannotCreate)
            #expect(before != nil && FileIdentity(path: path) == before)
        }
        #expect(try status(path).st_size == 8)
    }

    @Test func manyStartsAtOnceOverADeadSocketHaveOneOwner() async throws {
        for round in 0..<50 {
            let path = "\(folder.path)/\(round)"
            close(try foreignSocket(path, listening: true))
            let results = await withTaskGroup(of: Result<UnixListener, ListenError>.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        do throws(ListenError) { return .success(try UnixListener(path: path)) } catch {
                            return .failure(error)
                        }
                    }
                }
                // Held until all have tried, as daemons do.
                return await group.reduce(into: []) { $0.append($1) }
            }
            let owners = results.compactMap { try? $0.get() }
            #expect(owners.count == 1)
            for case .failure(let error) in results { #expect(error.code == .inUse, "\(error)") }
            #expect(try isReachable(path))
            owners.forEach { close($0.descriptor) }
        }
    }

    // MARK: Ending

    @Test func ownSocketIsRemovedAtStopAndThePathCanBeTakenAgain() throws {
        do {
            let listener = try UnixListener(path: path)
            listener.removeSocket()
            #expect(FileIdentity(path: path) == nil)
            #expect(try error(path).code == .inUse)
            close(listener.descriptor)
        }
        close(try UnixListener(path: path).descriptor)
    }

    @Test func socketThatTookItsPlaceIsNotRemoved() throws {
        let listener = try UnixListener(path: path)
        defer { close(listener.descriptor) }
        unlink(path)
        let other = try foreignSocket(path, listening: true)
        defer { close(other) }
        listener.removeSocket()
        #expect(try isReachable(path))
    }

    @Test func activatedSocketIsNeverRemoved() throws {
        let descriptor = try foreignSocket(path, listening: true)
        let listener = UnixListener(activated: descriptor)
        defer { close(listener.descriptor) }
        listener.removeSocket()
        #expect(listener.path == nil)
        #expect(try isReachable(path))
    }

    @Test(.enabled(if: geteuid() != 0, "root may give a file to any group"))
    func socketWhoseGroupCannotBeSetIsGoneAgain() throws {
        let failure = try error(path, group: 0)
        #expect(failure.exit == .noPermission)
        #expect(FileIdentity(path: path) == nil)
    }

    // MARK: Folders that others may write to

    @Test func theModeIsThatOfTheUmaskAsTheSocketIsMade() throws {
        for mode in [UInt32(0o600), 0o660, 0o666, 0o777] {
            let listener = try UnixListener(path: path, mode: mode)
            defer { close(listener.descriptor) }
            #expect(try permissions(path) == mode)
            listener.removeSocket()
        }
        let mask = umask(0o022)
        umask(mask)
        #expect(mask != 0o777 & ~0o600, "the process's own is as it was")
    }

    /// A user who may write to the folder moves the socket away and puts a link, or another file, in its place.
    @Test func whatWasPutInTheSocketsPlaceGetsNoOtherMode() throws {
        let precious = folder.path + "/precious"
        close(clinux_open(precious, O_CREAT | O_WRONLY, 0o600))
        symlink(precious, path)
        #expect(throws: ListenError.self) { try UnixListener.protect(path, mode: 0o666, group: nil) }
        unlink(path)
        link(precious, path)
        #expect(throws: ListenError.self) { try UnixListener.protect(path, mode: 0o666, group: nil) }
        #expect(try permissions(precious) == 0o600)
    }

    @Test func aLockWithAnotherNameIsLeftAsItIs() throws {
        let precious = folder.path + "/precious"
        let descriptor = clinux_open(precious, O_CREAT | O_WRONLY, 0o600)
        #expect(write(descriptor, "keep me", 7) == 7)
        close(descriptor)
        link(precious, path + ".lock")
        let error = try error(path)
        #expect(error.code == .cannotCreate)
        #expect(error.message.contains(".lock has 2 names"), "\(error)")
        #expect(try status(precious).st_size == 7)
    }
}
