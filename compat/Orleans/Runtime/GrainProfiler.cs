using System.Collections.Concurrent;

namespace Orleans.Runtime;

/// <summary>Counts calls, their time and their failures, a grain class and method at a time, for as long as somebody wants to see them.</summary>
internal sealed class GrainProfiler
{
    private readonly ConcurrentDictionary<(Type Class, string Method), MethodFigures> _figures = new();

    public bool IsOn { get; private set; }

    public IEnumerable<MethodFigures> Figures => _figures.Values;

    public void Start() => IsOn = true;

    public void Record(GrainClass grainClass, RequestBase request, TimeSpan elapsed, Exception? failure)
    {
        if (IsOn)
            _figures.GetOrAdd((grainClass.Type, request.GetMethodName()), static key => new MethodFigures(key.Class, key.Method)).Add(elapsed, failure is not null);
    }
}

/// <summary>What is known of one method's calls.</summary>
internal sealed class MethodFigures(Type grainClass, string method)
{
    private long _calls;
    private long _failures;
    private long _ticks;

    public Type Class => grainClass;

    public string Method => method;

    public long Calls => Interlocked.Read(ref _calls);

    public long Failures => Interlocked.Read(ref _failures);

    public TimeSpan Total => TimeSpan.FromTicks(Interlocked.Read(ref _ticks));

    public void Add(TimeSpan elapsed, bool failed)
    {
        Interlocked.Increment(ref _calls);
        Interlocked.Add(ref _ticks, elapsed.Ticks);
        if (failed)
            Interlocked.Increment(ref _failures);
    }
}
