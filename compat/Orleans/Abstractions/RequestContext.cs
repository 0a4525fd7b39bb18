namespace Orleans.Runtime;

/// <summary>Values that travel with a call and with every call made from it.</summary>
public static class RequestContext
{
    internal const string ReentrancyKey = "#CCR";

    internal static readonly AsyncLocal<Dictionary<string, object>?> Values = new();

    public static Guid ReentrancyId
    {
        get => Get(ReentrancyKey) is Guid id ? id : Guid.Empty;
        set
        {
            if (value == Guid.Empty)
                Remove(ReentrancyKey);
            else
                Set(ReentrancyKey, value);
        }
    }

    public static IEnumerable<string> Keys => Values.Value?.Keys ?? Enumerable.Empty<string>();

    public static IEnumerable<KeyValuePair<string, object>> Entries => Values.Value ?? Enumerable.Empty<KeyValuePair<string, object>>();

    public static object? Get(string key) => Values.Value is { } values && values.TryGetValue(key, out var value) ? value : null;

    // The dictionary is never changed in place: calls under way share it.
    public static void Set(string key, object value) =>
        Values.Value = Values.Value is { } values ? new Dictionary<string, object>(values) { [key] = value } : new Dictionary<string, object>(1) { [key] = value };

    public static bool Remove(string key)
    {
        if (Values.Value is not { } values || !values.ContainsKey(key))
            return false;
        var rest = new Dictionary<string, object>(values);
        rest.Remove(key);
        Values.Value = rest.Count == 0 ? null : rest;
        return true;
    }

    public static void Clear()
    {
        if (Values.Value is not null)
            Values.Value = null;
    }

    /// <summary>Until disposed, calls that come back to this grain along the chain of calls made from here are let in.</summary>
    public static ReentrancySection AllowCallChainReentrancy()
    {
        var original = ReentrancyId;
        return new ReentrancySection(original, original == Guid.Empty ? Guid.NewGuid() : original);
    }

    /// <summary>Until disposed, calls that come back are not let in.</summary>
    public static ReentrancySection SuppressCallChainReentrancy() => new(ReentrancyId, Guid.Empty);

    /// <summary>The extent of one allowance.</summary>
    public readonly struct ReentrancySection : IDisposable
    {
        private readonly Guid _original;
        private readonly Guid _section;

        public ReentrancySection(Guid originalReentrancyId, Guid newReentrancyId)
        {
            _original = originalReentrancyId;
            _section = newReentrancyId;
            if (_section != _original)
                ReentrancyId = _section;
            if (_section != Guid.Empty)
                (RuntimeContext.Current as Activation)?.EnterReentrantSection(_section);
        }

        public void Dispose()
        {
            if (_section != Guid.Empty)
                (RuntimeContext.Current as Activation)?.LeaveReentrantSection(_section);
            if (_section != _original)
                ReentrancyId = _original;
        }
    }
}
