import CLinux
import Glibc
import LeaseCore

extension SignalInbox {
    /// Waits for a time, and returns the signal that ended it early, if any.
    ///
    /// Signals that would not end a process are ignored. The caller must wait for children that end in the meantime.
    func pause(for duration: Duration) -> Int32? {
        let end = BootClock.now().advanced(by: duration)
        while true {
            for signal in take() where signal.number != SIGCHLD && !Supervision.harmless.contains(signal.number) {
                return signal.number
            }
            let left = BootClock.now().duration(to: end)
            guard left > .zero else { return nil }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            poll(&waiting, 1, Int32(min(left.wholeMilliseconds, 60_000)) + 1)
        }
    }
}
