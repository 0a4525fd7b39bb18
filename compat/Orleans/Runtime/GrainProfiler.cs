using System.Collections.Concurrent;
using System.Diagnostics;

namespace Orleans.Runtime;

/// <summary>Counts calls, their time and their failures, a grain class and method at a time, where a dashboard was asked for.</summary>
internal sealed class GrainProfiler(IEnumerable<ProfilingWanted> wanted)
{
    private readonly ConcurrentDictionary<(Type Class, string Method), MethodFigures> _figures = new();

    public bool IsOn { get; } = wanted.Any();

    public IEnumerable<MethodFigures> Figures => _figures.Values;

    public void Record(GrainClass grainClass, RequestBase request) =>
        _figures.GetOrAdd((grainClass.Type, request.GetMethodName()), static key => new MethodFigures(key.Class, key.Method))
            .Add(Stopwatch.GetElapsedTime(request.StartedAt), request.HasFailed);
}

/// <summary>Registered by whatever shows the figures.</summary>
internal sealed class ProfilingWanted;

/// <summary>What is known of one method's calls.</summary>
internal sealed class MethodFigures(Type grainClass, string method)
{
    /// <summary>Seconds over which calls per second are counted.</summary>
    private const int Window = 10;

    private readonly Lock _gate = new();
    private readonly long[] _perSecond = new long[Window];
    private long _second = Now();
    private long _calls;
    private long _failures;
    private TimeSpan _total;

    public Type Class => grainClass;

    public string Method => method;

    public void Add(TimeSpan elapsed, bool failed)
    {
        lock (_gate)
        {
            Advance();
            _perSecond[_second % Window]++;
            _calls++;
            _total += elapsed;
            if (failed)
                _failures++;
        }
    }

    public (long Calls, long Failures, double PerSecond, TimeSpan Mean) Read()
    {
        lock (_gate)
        {
            Advance();
            return (_calls, _failures, _perSecond.Sum() / (double)Window, _calls == 0 ? TimeSpan.Zero : _total / _calls);
        }
    }

    private static long Now() => Environment.TickCount64 / 1000;

    // Seconds that have passed since the last look had no calls.
    private void Advance()
    {
        var now = Now();
        for (var i = 0; i < Window && _second < now; i++)
            _perSecond[++_second % Window] = 0;
        _second = now;
    }
}
