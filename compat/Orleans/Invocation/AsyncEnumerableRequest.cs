using System.Runtime.ExceptionServices;
using Orleans.Serialization.Invocation;

namespace Orleans.Runtime;

/// <summary>A call of a method that returns a stream: nothing happens until it is enumerated.</summary>
[GenerateSerializer]
[SuppressReferenceTracking]
[Invocation.ReturnValueProxy(nameof(InitializeRequest))]
public abstract class AsyncEnumerableRequest<T> : RequestBase, IAsyncEnumerable<T>
{
    /// <summary>At most so many elements come over in one answer; only those that are there already.</summary>
    [Id(0)]
    public int MaxBatchSize { get; set; } = 100;

    public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default) => new RemoteEnumerator<T>(this, cancellationToken);

    /// <summary>What a proxy returns for the call: the call itself.</summary>
    public IAsyncEnumerable<T> InitializeRequest(GrainReference targetGrainReference)
    {
        Target = targetGrainReference;
        return this;
    }

    public override ValueTask<Response> Invoke() => throw new InvalidOperationException("A stream is enumerated, not called.");

    internal sealed override void Run() => throw new InvalidOperationException("A stream is enumerated, not called.");

    internal IAsyncEnumerable<T> Open(ITargetHolder holder, CancellationToken cancellationToken)
    {
        SetTarget(holder);
        if (Descriptor is { CancellationArgument: >= 0 } descriptor)
            SetArgument(descriptor.CancellationArgument, cancellationToken);
        return InvokeInner();
    }

    protected abstract IAsyncEnumerable<T> InvokeInner();
}

/// <summary>One enumeration: asks the grain for the next elements, batch by batch.</summary>
internal sealed class RemoteEnumerator<T> : IAsyncEnumerator<T>
{
    private readonly AsyncEnumerableRequest<T> _request;
    private readonly CancellationTokenSource _cancellation;
    private readonly GrainEnumeration<T> _remote;
    private List<T> _batch = [];
    private int _index;
    private bool _completed;
    private bool _disposed;

    public RemoteEnumerator(AsyncEnumerableRequest<T> request, CancellationToken cancellationToken)
    {
        _request = request;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(request.GetCancellationToken(), cancellationToken);
        _remote = new GrainEnumeration<T>(request);
    }

    public T Current => _index < _batch.Count ? _batch[_index] : throw new InvalidOperationException("There is no current element.");

    public async ValueTask<bool> MoveNextAsync()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (++_index < _batch.Count)
            return true;
        if (_completed)
            return false;
        while (true)
        {
            _cancellation.Token.ThrowIfCancellationRequested();
            var batch = await Send(new NextBatch<T>(_remote, _cancellation.Token));
            (_batch, _index, _completed) = (batch.Items, 0, batch.Completed);
            if (batch.Failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);

            // An empty batch that is not the last is a sign of life of a stream that takes its time.
            if (_batch.Count > 0 || _completed)
                return _batch.Count > 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_remote.IsOpen)
            await Send(new CloseEnumeration<T>(_remote));
        _cancellation.Dispose();
    }

    private Task<Batch<T>> Send(EnumerationRequest<T> request) => _request.Target!.Send(request);
}
