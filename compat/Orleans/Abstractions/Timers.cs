using System.Diagnostics.CodeAnalysis;
using Orleans.Runtime;

namespace Orleans.Runtime
{
    /// <summary>When a grain's timer fires and how its callback meets the grain's calls.</summary>
    public readonly struct GrainTimerCreationOptions()
    {
        [SetsRequiredMembers]
        public GrainTimerCreationOptions(TimeSpan dueTime, TimeSpan period)
            : this()
        {
            DueTime = dueTime;
            Period = period;
        }

        public required TimeSpan DueTime { get; init; }

        /// <summary>Counted from the end of one callback to the start of the next.</summary>
        public required TimeSpan Period { get; init; }

        /// <summary>Whether the callback may run while a call awaits.</summary>
        public bool Interleave { get; init; }

        /// <summary>Whether a tick keeps the activation from being collected as idle.</summary>
        public bool KeepAlive { get; init; }
    }

    /// <summary>A grain's timer; disposing stops it.</summary>
    public interface IGrainTimer : IDisposable
    {
        void Change(TimeSpan dueTime, TimeSpan period);
    }
}

namespace Orleans.Timers
{
    /// <summary>Makes timers for grains.</summary>
    public interface ITimerRegistry
    {
        [Obsolete("Use 'RegisterGrainTimer(grainContext, callback, state, new() { DueTime = dueTime, Period = period, Interleave = true })' instead.")]
        IDisposable RegisterTimer(IGrainContext grainContext, Func<object?, Task> callback, object? state, TimeSpan dueTime, TimeSpan period);

        IGrainTimer RegisterGrainTimer<TState>(
            IGrainContext grainContext, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options);
    }
}
