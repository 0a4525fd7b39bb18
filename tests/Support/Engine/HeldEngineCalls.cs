namespace HostService.Tests.Support;

/// <summary>Calls of one kind that wait until the test releases them.</summary>
public sealed class HeldEngineCalls : IDisposable
{
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<HeldEngineCalls> _forget;

    internal HeldEngineCalls(EngineCall call, Action<HeldEngineCalls> forget)
    {
        Call = call;
        _forget = forget;
    }

    public EngineCall Call { get; }

    /// <summary>Completes when the first call has arrived.</summary>
    public Task Entered => _entered.Task;

    /// <summary>Lets all calls go on, now and later.</summary>
    public void Release()
    {
        _forget(this);
        _released.TrySetResult();
    }

    public void Dispose() => Release();

    internal Task WaitAsync(CancellationToken cancellationToken)
    {
        _entered.TrySetResult();
        return _released.Task.WaitAsync(cancellationToken);
    }
}
