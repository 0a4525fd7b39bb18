using System.Collections.Immutable;
using HostService.GrainInterfaces.Fleet;

namespace HostService.Grains.Fleet;

/// <summary>A host as the scheduler knows it: its last report, and what has happened since.</summary>
/// <param name="Host">With its last report.</param>
public sealed record HostRoom(FleetHost Host)
{
    /// <summary>The apps of the mandelboxes for which it has been asked, and has not answered yet.</summary>
    public ImmutableList<string> Asked { get; init; } = [];

    /// <summary>The apps of the mandelboxes for which it has reserved room since its report.</summary>
    public ImmutableList<string> Reserved { get; init; } = [];

    /// <summary>Why it has not taken the last mandelbox; null when it has, or has reported since.</summary>
    public HostRefusal? Refusal { get; init; }

    /// <summary>How many more it takes, as far as is known; 0 or less also while somebody else may get the last place.</summary>
    public int Free => Host.Report.Free - Asked.Count - Reserved.Count;

    /// <summary>How many mandelboxes of an app wait there for a user and are promised to nobody.</summary>
    public int WaitingOf(string app) =>
        Host.Report.Waiting.GetValueOrDefault(app) - Asked.Count(a => a == app) - Reserved.Count(a => a == app);
}

/// <summary>Why a host has not taken a mandelbox.</summary>
/// <param name="Why">In its own words, or why there are none.</param>
/// <param name="IsFull">Whether it has answered: then it may have room later.</param>
public sealed record HostRefusal(string Why, bool IsFull);
