using System.Collections.Concurrent;
using System.Diagnostics;

namespace HostService.Bench;

/// <summary>How long calls took, in milliseconds.</summary>
internal sealed class Samples
{
    private readonly ConcurrentBag<double> _values = [];

    public int Count => _values.Count;

    public async Task TimeAsync(Func<Task> call)
    {
        var began = Stopwatch.GetTimestamp();
        await call();
        Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    public void Add(double milliseconds) => _values.Add(milliseconds);

    /// <param name="part">0.5 for the median.</param>
    public double At(double part) => _values.Order().ElementAt((int)Math.Ceiling(_values.Count * part) - 1);
}
