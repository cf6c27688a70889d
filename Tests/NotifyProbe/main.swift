// A minimal service for the tests of SystemdNotify: the service manager tells a service everything through its
// environment, and a test cannot change its own while other tests run. One word says what to do; the answer is on
// stdout.

import SystemdNotify

let words = CommandLine.arguments.dropFirst()
do throws(SystemdError) {
    try Probe.run(words.first ?? "", text: words.dropFirst().first ?? "")
} catch {
    print("error", error.code, error.message)
}
