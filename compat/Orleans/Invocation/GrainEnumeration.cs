using System.Reflection;
using Orleans.CodeGeneration;
using Orleans.Serialization;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>What one answer brings of a stream.</summary>
[Immutable]
internal sealed record Batch<T>(List<T> Items, bool Completed, Exception? Failure);

/// <summary>The grain's side of one enumeration. Runs on the activation that it was opened on, and ends with it.</summary>
internal sealed class GrainEnumeration<T>(AsyncEnumerableRequest<T> request) : IDisposable
{
    private readonly CancellationTokenSource _cancellation = new();
    private IAsyncEnumerator<T>? _elements;
    private Activation? _activation;
    private Task<bool>? _next;
    private Exception? _failure;

    public AsyncEnumerableRequest<T> Request => request;

    public bool IsOpen => _elements is not null;

    /// <summary>The elements that are there, or the next one once it comes; empty when it takes so long that the caller would give up.</summary>
    public async Task<Batch<T>> Next(Activation activation, TimeSpan patience)
    {
        if (_activation is not null && !_activation.Equals(activation))
        {
            throw new EnumerationAbortedException(
                "Enumeration aborted: the remote target does not have a record of this enumerator. The grain was deactivated since the enumeration began.");
        }

        Open(activation);
        var items = new List<T>();
        try
        {
            while (items.Count < request.MaxBatchSize)
            {
                if (_failure is { } held)
                    return Failed(items, held);
                _next ??= _elements!.MoveNextAsync().AsTask();
                if (!_next.IsCompleted && (items.Count > 0 || await Task.WhenAny(_next, Task.Delay(patience, activation.Silo.Time)) != _next))
                    break;
                var more = await _next;
                _next = null;
                if (!more)
                    return new Batch<T>(items, true, null);
                items.Add(Copier<T>.Copy(_elements!.Current));
            }

            return new Batch<T>(items, false, null);
        }
        catch (Exception exception)
        {
            return Failed(items, exception);
        }
    }

    public async Task<Batch<T>> Close()
    {
        _activation?.Disown(this);
        await _cancellation.CancelAsync();
        if (_elements is { } elements)
        {
            _elements = null;
            if (_next is not null)
                await ((Task)_next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            await elements.DisposeAsync();
        }

        _cancellation.Dispose();
        return new Batch<T>([], true, null);
    }

    public void Cancel() => _cancellation.Cancel();

    public void Dispose() => _cancellation.Cancel();

    private void Open(Activation activation)
    {
        if (_elements is not null)
            return;
        _activation = activation;
        activation.Own(this);
        _elements = request.Open(activation, _cancellation.Token).GetAsyncEnumerator(_cancellation.Token);
    }

    // What came before the failure is delivered before it.
    private Batch<T> Failed(List<T> items, Exception failure)
    {
        if (items.Count == 0)
            return new Batch<T>(items, true, failure);
        _failure = failure;
        _next = null;
        return new Batch<T>(items, false, null);
    }
}

/// <summary>A message of an enumeration; comes in whatever else the grain is doing.</summary>
internal abstract class EnumerationRequest<T> : TaskRequest<Batch<T>>
{
    private Activation? _activation;

    protected EnumerationRequest(GrainEnumeration<T> enumeration)
    {
        Enumeration = enumeration;
        Options = InvokeMethodOptions.AlwaysInterleave;
    }

    protected GrainEnumeration<T> Enumeration { get; }

    protected Activation Activation => _activation!;

    public override object GetTarget() => _activation!;

    public override void SetTarget(ITargetHolder holder) => _activation = (Activation)holder;

    public override string GetMethodName() => Enumeration.Request.GetMethodName();

    public override string GetInterfaceName() => Enumeration.Request.GetInterfaceName();

    public override string GetActivityName() => Enumeration.Request.GetActivityName();

    public override Type GetInterfaceType() => Enumeration.Request.GetInterfaceType();

    public override MethodInfo GetMethod() => Enumeration.Request.GetMethod();

    public override void Dispose()
    {
    }
}

/// <summary>Asks for the next elements.</summary>
internal sealed class NextBatch<T>(GrainEnumeration<T> enumeration, CancellationToken cancellationToken) : EnumerationRequest<T>(enumeration)
{
    public override bool IsCancellable => true;

    public override CancellationToken GetCancellationToken() => cancellationToken;

    public override bool TryCancel()
    {
        Enumeration.Cancel();
        return true;
    }

    protected override Task<Batch<T>> InvokeInner() => Enumeration.Next(Activation, Timeout / 2);
}

/// <summary>Ends an enumeration before its end.</summary>
internal sealed class CloseEnumeration<T>(GrainEnumeration<T> enumeration) : EnumerationRequest<T>(enumeration)
{
    protected override Task<Batch<T>> InvokeInner() => Enumeration.Close();
}
