internal import Configuration

/// Looks up settings: flags before `LEASED_*` variables before the file.
///
/// The layers are asked one by one, and only for text: an error must name the layer that a value is from, and show the
/// value as it is written there. An empty variable counts as missing.
struct SettingsReader {
    private struct Layer {
        let snapshot: any ConfigSnapshot
        let origin: (_ key: String, _ encoded: String) -> Setting.Origin
        var skipsEmpty = false
    }

    private let layers: [Layer]

    init(flags: [String: String], environment: [String: String], file: (path: String, snapshot: YAMLSnapshot)?) {
        let values = flags.map { (AbsoluteConfigKey(ConfigKey($0)), ConfigValue(.string($1), isSecret: false)) }
        let variables = EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "leased")
        var layers = [
            Layer(snapshot: InMemoryProvider(values: Dictionary(uniqueKeysWithValues: values)).snapshot()) { key, _ in
                .flag("--\(key)")
            },
            Layer(snapshot: variables.snapshot(), origin: { .variable($1) }, skipsEmpty: true),
        ]
        if let file {
            layers.append(Layer(snapshot: file.snapshot) { _, _ in .file(file.path) })
        }
        self.layers = layers
    }

    /// One value, from the first layer that has it.
    func text(_ key: String) throws(ConfigurationError) -> Setting? {
        for layer in layers {
            guard let (content, origin) = try look(key, .string, in: layer, expecting: "one value") else { continue }
            guard case .string(let value) = content, !(value.isEmpty && layer.skipsEmpty) else { continue }
            return Setting(key: key, origin: origin, value: value)
        }
        return nil
    }

    /// A list, from the first layer that has it; in a variable its elements are separated by commas.
    func list(_ key: String) throws(ConfigurationError) -> [Setting]? {
        for layer in layers {
            let found = try look(key, .stringArray, in: layer, expecting: "a list, as in [root, 1000]")
            guard let (content, origin) = found, case .stringArray(let values) = content else { continue }
            if layer.skipsEmpty && values.allSatisfy(\.isEmpty) { continue }
            return values.map { Setting(key: key, origin: origin, value: $0) }
        }
        return nil
    }

    private func look(
        _ key: String,
        _ type: ConfigType,
        in layer: Layer,
        expecting expected: String
    ) throws(ConfigurationError) -> (ConfigContent, Setting.Origin)? {
        do {
            let result = try layer.snapshot.value(forKey: AbsoluteConfigKey(ConfigKey(key)), type: type)
            return result.value.map { ($0.content, layer.origin(key, result.encodedKey)) }
        } catch {
            // Text is refused only for its shape, which only a file can get wrong.
            let message = "\(key) (from \(layer.origin(key, key))): expected \(expected)"
            throw ConfigurationError(.badValue, key: key, message)
        }
    }
}
