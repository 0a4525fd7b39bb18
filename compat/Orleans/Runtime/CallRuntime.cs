using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Serialization;

namespace Orleans.Runtime;

/// <summary>The outgoing side of a silo or a client: time-outs, filters, and the way into the silo.</summary>
internal sealed partial class CallRuntime
{
    private readonly MessagingOptions _options;
    private readonly IOutgoingGrainCallFilter[] _filters;
    private readonly ILogger _logger;

    public CallRuntime(SiloRuntime silo, MessagingOptions options, IEnumerable<IOutgoingGrainCallFilter> filters, ILogger logger)
    {
        Silo = silo;
        _options = options;
        _filters = [.. filters];
        _logger = logger;
        Factory = new GrainFactory(this);
    }

    public SiloRuntime Silo { get; }

    public GrainFactory Factory { get; }

    public bool HasFilters => _filters.Length > 0;

    public bool CancelsOnTimeout => _options.CancelRequestOnTimeout;

    /// <summary>How often calls are looked at for being overdue.</summary>
    public TimeSpan ScanPeriod => _options.ResponseTimeout < TimeSpan.FromSeconds(1) ? _options.ResponseTimeout : TimeSpan.FromSeconds(1);

    /// <summary>A grain calls as its silo does, wherever its reference came from.</summary>
    public CallRuntime ForCurrentContext() => RuntimeContext.Current is Activation { Silo: var silo } && silo == Silo ? silo.Calls : this;

    /// <exception cref="OperationCanceledException">The call's own token says so already.</exception>
    public void Send(GrainReference target, RequestBase request, ICaller? caller)
    {
        var cancellation = request.GetCancellationToken();
        cancellation.ThrowIfCancellationRequested();
        request.Target = target;
        request.Source = RuntimeContext.Current as Activation;
        request.Timeout = request.GetDefaultResponseTimeout() ?? _options.ResponseTimeout;
        request.SentAt = Stopwatch.GetTimestamp();
        request.Runtime = this;
        if (RequestContext.Values.Value is { } values)
            request.Context = CopyContextOf(values);
        request.Caller = caller;
        if (caller is not null)
            request.WatchCaller(cancellation);
        target.Deliver(request);

        // Cancelled between the two: the activation was not known yet then.
        if (caller is not null && cancellation.IsCancellationRequested)
            request.Holder?.Cancel(request);
    }

    public async Task<TResult> SendFiltered<TResult>(GrainReference target, RequestBase request)
    {
        var call = new OutgoingCall(this, target, request, _filters);
        await call.Invoke();
        return typeof(TResult) == typeof(NoResult) ? ThrowOrNothing<TResult>(call) : call.Response!.GetResult<TResult>()!;
    }

    /// <summary>Nobody waits for the call, so what went wrong goes to the log.</summary>
    public void Observe(RequestBase request, Task task) =>
        _ = task.ContinueWith(
            (t, _) => LogOneWayFailure(t.Exception!.InnerException!, request), null, CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    public void CancelledByCaller(RequestBase request, CancellationToken token)
    {
        if (!_options.WaitForCancellationAcknowledgement)
            request.Caller?.Fail(new OperationCanceledException(token));
        request.Holder?.Cancel(request);
    }

    public static bool IsOverdue(RequestBase request) => Stopwatch.GetElapsedTime(request.SentAt) > request.Timeout;

    public void TimedOut(RequestBase request, string status)
    {
        LogTimeout(request.Timeout, request, status);
        var exception = new TimeoutException($"Response did not arrive on time in {request.Timeout} for message: {request}. {status}");
        if (request.Caller?.Fail(exception) == true && CancelsOnTimeout)
            request.Holder?.Cancel(request);
    }

    private static TResult ThrowOrNothing<TResult>(OutgoingCall call)
    {
        if (call.Response?.Exception is { } exception)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(exception);
        return default!;
    }

    private static Dictionary<string, object> CopyContextOf(Dictionary<string, object> values)
    {
        var copy = new Dictionary<string, object>(values.Count);
        foreach (var (key, value) in values)
            copy[key] = Copier<object>.Copy(value);
        return copy;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A call that nobody waits for failed: {Request}.")]
    private partial void LogOneWayFailure(Exception exception, RequestBase request);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Response did not arrive on time in {Timeout} for message: {Request}. {Status}")]
    private partial void LogTimeout(TimeSpan timeout, RequestBase request, string status);
}
