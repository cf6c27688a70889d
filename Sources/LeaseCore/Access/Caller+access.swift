/// What the access rules allow a caller; administrators may do everything, so no rule can lock them out.
extension Caller {
    /// Refuses what the caller has no right to.
    ///
    /// - Parameter other: A right that suffices as well.
    /// - Throws: ``LeaseError/Code/denied``, naming the rule.
    package func permit(
        _ right: AccessRight,
        or other: AccessRight? = nil,
        on name: some ByteName
    ) throws(LeaseError) {
        guard !isAdministrator, case .denied(let rule) = access.verdict(on: right, name: name.bytes) else { return }
        if let other, access.verdict(on: other, name: name.bytes) == .allowed { return }
        throw denied(right, "'\(name)'", by: rule)
    }

    /// Refuses what the caller has no right to on every name that begins with `prefix`.
    ///
    /// - Throws: ``LeaseError/Code/denied``, naming the rule.
    package func permit(
        _ right: AccessRight,
        or other: AccessRight? = nil,
        onAllUnder prefix: [UInt8]
    ) throws(LeaseError) {
        guard !isAdministrator, case .denied(let rule) = access.verdict(on: right, allNamesUnder: prefix) else {
            return
        }
        if let other, access.verdict(on: other, allNamesUnder: prefix) == .allowed { return }
        let names = prefix.isEmpty ? "all names" : "all names that begin with '\(EscapedBytes.text(prefix))'"
        throw denied(right, names, by: rule)
    }

    private func denied(_ right: AccessRight, _ what: String, by rule: AccessRule?) -> LeaseError {
        let reason = rule.map { "by access \($0.label)" } ?? "by any access rule"
        return LeaseError(.denied, "uid \(uid) may not \(right) \(what) \(reason); ask an administrator")
    }

    /// Whether the caller may act on other users' tenures of this lease.
    package func mayAdminister(_ name: LeaseName) -> Bool {
        isAdministrator || access.verdict(on: .admin, name: name.bytes) == .allowed
    }

    /// Whether the caller may act on a tenure that `holder` was granted.
    func mayAct(for holder: Holder, of name: LeaseName) -> Bool {
        uid == holder.uid || mayAdminister(name)
    }
}
