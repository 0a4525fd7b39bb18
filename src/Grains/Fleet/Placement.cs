using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>A request for a place that is not answered yet.</summary>
public sealed class Placement(PlacementRequest request, long since)
{
    public PlacementRequest Request => request;

    /// <summary>When it came, as a timestamp.</summary>
    public long Since => since;

    /// <summary>The host that is being asked; null between two, and while it waits for room.</summary>
    public string? AskedHost { get; internal set; }

    /// <summary>The number of that host's last report when it was asked.</summary>
    public int AskedReport { get; internal set; }

    /// <summary>Whether it waits because the hosts that suit it are full.</summary>
    public bool IsQueued { get; internal set; }

    /// <summary>Whether its time is over: the host that is being asked is the last one.</summary>
    public bool IsOverdue { get; internal set; }

    public Task<PlacementAnswer> Answer => Source.Task;

    internal TaskCompletionSource<PlacementAnswer> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
