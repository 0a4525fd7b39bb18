using System.Reflection;
using Microsoft.Extensions.Logging;
using Orleans.CodeGeneration;
using Orleans.Serialization.Invocation;
using Orleans.Timers;

namespace Orleans.Runtime;

/// <summary>Makes timers whose callbacks are turns of their grain.</summary>
internal sealed class TimerRegistry(TimeProvider time, ILogger<TimerRegistry> logger) : ITimerRegistry
{
    public IDisposable RegisterTimer(IGrainContext grainContext, Func<object?, Task> callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        RegisterGrainTimer(
            grainContext, static (call, _) => call.Callback(call.State), (Callback: callback, State: state),
            new GrainTimerCreationOptions(dueTime, period) { Interleave = true });

    public IGrainTimer RegisterGrainTimer<TState>(
        IGrainContext grainContext, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    {
        ArgumentNullException.ThrowIfNull(callback);
        if (RuntimeContext.Current is null)
            throw new InvalidOperationException("A grain's timer is made on the grain's own scheduler, not from outside, as for example inside Task.Run.");
        if (RuntimeContext.Current != grainContext)
            throw new InvalidOperationException("Current grain context differs from specified grain context.");
        var timer = new GrainTimer((Activation)grainContext, token => callback(state, token), options, time, logger);
        timer.Change(options.DueTime, options.Period);
        return timer;
    }
}

/// <summary>One timer: each tick is a call to the grain that waits its turn, and the next one is counted from its end.</summary>
internal sealed partial class GrainTimer : IGrainTimer
{
    private const uint LongestMilliseconds = 0xfffffffe;

    private readonly CancellationTokenSource _stopped = new();
    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly GrainTimerCreationOptions _options;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private TimeSpan _dueTime;
    private TimeSpan _period;
    private bool _changed;
    private volatile bool _firing;

    public GrainTimer(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options, TimeProvider time, ILogger logger)
    {
        _activation = activation;
        _callback = callback;
        _options = options;
        _logger = logger;

        // The timer outlives the call that makes it, and must not carry that call's context into its ticks.
        using (ExecutionContext.SuppressFlow())
            _timer = time.CreateTimer(static state => ((GrainTimer)state!).Fire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        activation.Own(this);
    }

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Check(dueTime, nameof(dueTime));
        Check(period, nameof(period));
        _changed = true;
        _dueTime = dueTime;
        _period = period;
        if (!_firing)
            _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
    }

    public void Dispose()
    {
        try
        {
            _stopped.Cancel();
        }
        catch (AggregateException exception)
        {
            LogCancellationFailed(_logger, exception, _activation.GrainId);
        }

        _timer.Dispose();
        _activation.Disown(this);
    }

    /// <summary>Throws what the callback throws: the filters see it, then the log. The timer goes on.</summary>
    public async Task Tick()
    {
        _changed = false;
        try
        {
            if (!_stopped.IsCancellationRequested)
                await _callback(_stopped.Token);
        }
        finally
        {
            if (!_stopped.IsCancellationRequested)
                _timer.Change(_changed ? _dueTime : _period, Timeout.InfiniteTimeSpan);
            _firing = false;
        }
    }

    private static void Check(TimeSpan time, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan((long)time.TotalMilliseconds, -1, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)time.TotalMilliseconds, LongestMilliseconds, name);
    }

    private void Fire()
    {
        _firing = true;
        _activation.TryReceive(new TimerTick(this, _options.Interleave, _options.KeepAlive) { Source = _activation });
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A timer of grain {GrainId} failed while it was being stopped.")]
    private static partial void LogCancellationFailed(ILogger logger, Exception exception, GrainId grainId);
}

/// <summary>What filters see of a tick.</summary>
internal interface IGrainTimerInvoker
{
    Task InvokeCallbackAsync();
}

/// <summary>A timer's tick as a call.</summary>
internal sealed class TimerTick : TaskRequest
{
    private static readonly MethodInfo s_method = typeof(IGrainTimerInvoker).GetMethod(nameof(IGrainTimerInvoker.InvokeCallbackAsync))!;
    private static readonly GrainInterfaceType s_interfaceType = GrainClasses.InterfaceTypeOf(typeof(IGrainTimerInvoker));

    private readonly GrainTimer _timer;
    private readonly bool _keepAlive;

    public TimerTick(GrainTimer timer, bool interleave, bool keepAlive)
    {
        _timer = timer;
        _keepAlive = keepAlive;
        Options = InvokeMethodOptions.OneWay | (interleave ? InvokeMethodOptions.AlwaysInterleave : InvokeMethodOptions.None);
    }

    internal override GrainInterfaceType InterfaceType => s_interfaceType;

    internal override bool IsLocalOnly => true;

    internal override bool KeepsAlive => _keepAlive;

    public override object GetTarget() => _timer;

    public override void SetTarget(ITargetHolder holder)
    {
    }

    public override string GetMethodName() => nameof(IGrainTimerInvoker.InvokeCallbackAsync);

    public override string GetInterfaceName() => nameof(IGrainTimerInvoker);

    public override string GetActivityName() => $"{GetInterfaceName()}/{GetMethodName()}";

    public override Type GetInterfaceType() => typeof(IGrainTimerInvoker);

    public override MethodInfo GetMethod() => s_method;

    public override void Dispose()
    {
    }

    public override string ToString() => $"{Source?.GrainId}: tick of a timer";

    protected override Task InvokeInner() => _timer.Tick();
}
