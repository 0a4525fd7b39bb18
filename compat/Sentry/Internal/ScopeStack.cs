namespace Sentry.Internal;

/// <summary>
/// The scopes pushed so far: of this flow of asynchronous calls, or of the process in global mode. As in the package, a flow that did not
/// inherit one starts with an empty scope, so what must be on every event belongs on the options.
/// </summary>
internal sealed class ScopeStack(SentryOptions options)
{
    private readonly AsyncLocal<Scope[]?> _ofFlow = new();
    private Scope[]? _ofProcess;

    public Scope Current => Scopes[^1];

    private Scope[] Scopes
    {
        get => (options.IsGlobalModeEnabled ? _ofProcess : _ofFlow.Value) ?? (Scopes = [new Scope(options)]);
        set
        {
            if (options.IsGlobalModeEnabled)
            {
                _ofProcess = value;
            }
            else
            {
                _ofFlow.Value = value;
            }
        }
    }

    /// <summary>A copy of the current scope, current until disposed. In global mode nothing is pushed.</summary>
    public IDisposable Push()
    {
        if (options.IsGlobalModeEnabled)
        {
            return new Pop(null, []);
        }

        var before = Scopes;
        Scopes = [.. before, before[^1].Clone()];
        return new Pop(this, before);
    }

    private sealed class Pop(ScopeStack? stack, Scope[] before) : IDisposable
    {
        public void Dispose()
        {
            if (stack is not null)
            {
                stack.Scopes = before;
            }
        }
    }
}
