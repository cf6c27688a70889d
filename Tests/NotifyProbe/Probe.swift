import CLinux
import Glibc
import SystemdNotify

/// The probe's verbs.
enum Probe {
    static func run(_ verb: String, text: String) throws(SystemdError) {
        let notifier = ServiceNotifier()
        switch verb {
        case "enabled": print(notifier.isEnabled)
        case "ready": print(try notifier.ready(status: text.isEmpty ? nil : text))
        case "status": print(try notifier.status(text))
        case "stopping": print(try notifier.stopping())
        case "reloading": print(try notifier.reloading())
        case "interval": print(try Watchdog.interval().map { "\($0)" } ?? "none")
        case "listen":
            try listen()
            print("again", try ListenDescriptors.take().count)
        case "divide": try divide()
        case "store": print(try notifier.store(3, as: try DescriptorName(text)))
        case "store-closed": print(try notifier.store(1000, as: try DescriptorName(text)))
        case "store-unpolled": print(try notifier.store(3, as: try DescriptorName(text), isDroppedAtHangUp: false))
        case "remove-stored": print(try notifier.removeStored(try DescriptorName(text)))
        case "starve": WatchdogScript.starve()
        case "commit": WatchdogScript.slowCommit()
        default: print("unknown verb")
        }
    }

    /// One line for each descriptor, and one for the remaining environment.
    private static func listen() throws(SystemdError) {
        for passed in try ListenDescriptors.take() {
            let isCloseOnExec = Glibc.fcntl(passed.descriptor, F_GETFD) & FD_CLOEXEC != 0
            print(passed.name, passed.descriptor, isCloseOnExec ? "close-on-exec" : "inherited", terminator: " ")
            do throws(SystemdError) {
                try passed.requireListeningUnixStream()
                print("listening")
            } catch {
                print(error.message)
            }
        }
        let left = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"].filter { (name: String) in getenv(name) != nil }
        print("left", left)
    }

    /// One line for the listeners, and one for what came back from the store.
    private static func divide() throws(SystemdError) {
        let passed = PassedDescriptors(try ListenDescriptors.take(), storedAs: "tie")
        print("listeners", passed.listeners.map { "\($0.name)=\($0.descriptor)" })
        print("stored", passed.stored.map { "\($0.name)=\($0.descriptor)" })
    }
}
