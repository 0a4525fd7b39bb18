namespace HostService.Grains.Host;

/// <summary>Section <c>WarmPool</c>: mandelboxes that are started ahead, and wait for a user of their app.</summary>
public sealed class WarmPoolOptions : IValidatedOptions
{
    public const string Section = "WarmPool";

    /// <summary>
    /// How many are to wait, by the app's name as requests give it; none by default. In a variable's name two underscores stand for a
    /// <c>/</c> of the app's: <c>WarmPool__Apps__browsers__chrome</c>.
    /// </summary>
    public Dictionary<string, int> Apps { get; set; } = [];

    /// <summary>How long one waits before another one takes its place.</summary>
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromHours(6);

    /// <summary>How often the image and the health of those that wait are looked at.</summary>
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(30);

    public int Size => Apps.Values.Sum();

    public IEnumerable<string> Validate() =>
    [
        .. Apps.Keys.Where(app => !Names.IsAppName(app))
            .Select(app => $"WarmPool:Apps:{app} names no app as requests do, for example browsers/chrome."),
        .. Apps.Where(app => app.Value < 0 || app.Value > TtyPool.Capacity)
            .Select(app => $"WarmPool:Apps:{app.Key} is {app.Value}; it must be from 0 (none) to {TtyPool.Capacity}."),
        .. ValidatedOptions.Faults(
            ValidatedOptions.Positive("WarmPool:MaxAge", MaxAge), ValidatedOptions.Positive("WarmPool:CheckInterval", CheckInterval)),
    ];
}
