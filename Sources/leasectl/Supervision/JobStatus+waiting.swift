import CLinux

extension JobStatus {
    /// How a child ended, from the status of waitpid(2).
    init(waitStatus: Int32) {
        let code = clinux_exit_code(waitStatus)
        self = code >= 0 ? .exited(code) : .signalled(clinux_ending_signal(waitStatus))
    }
}
