import CLinux

extension JobStatus {
    /// How a child ended, from what waitpid(2) says of one that has.
    init(waitStatus: Int32) {
        let code = clinux_exit_code(waitStatus)
        self = code >= 0 ? .exited(code) : .signalled(clinux_ending_signal(waitStatus))
    }
}
